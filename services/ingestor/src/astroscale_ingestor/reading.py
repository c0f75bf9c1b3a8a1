"""A planned file as messages: chunk by chunk, grouped into transactions, under one rolling digest."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from astroscale_ingestor.convert import RawMessage, messages
from astroscale_ingestor.domain.mapping import ColumnMapping
from astroscale_ingestor.readers.base import TableReader

CHUNKS_A_TRANSACTION: Final = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """What an ingest will do, before it runs."""

    path: Path
    reader: TableReader
    mapping: ColumnMapping

    def messages(self, chunk_rows: int) -> Iterator[list[RawMessage]]:
        """The messages of each chunk, in order; always cut alike as long as the file stays what it is."""
        columns = dict(self.mapping.columns)
        for chunk in self.reader.chunks(list(dict.fromkeys(columns.values())), chunk_rows):
            yield messages(chunk, columns)


@dataclass(frozen=True, slots=True)
class Group:
    """One transaction's worth of messages. digest: over all messages of the run up to these."""

    messages: list[RawMessage]
    chunks: int
    digest: str


class Reading:
    """Reads a plan once, from its beginning. Not for two threads at once."""

    def __init__(self, plan: Plan, chunk_rows: int) -> None:
        self._chunks = plan.messages(chunk_rows)
        self._digest: Any = hashlib.sha256()

    def skip(self, count: int | None = None) -> str | None:
        """Pass over the first `count` messages (None: all) and return their digest; None where no chunk ends there."""
        passed = 0
        while count is None or passed < count:
            chunk = self._next()
            if chunk is None:
                break
            passed += len(chunk)
        return self._digest.hexdigest() if count in (None, passed) else None

    def group(self) -> Group | None:
        """The next transaction's worth; None at the end of the file."""
        found: list[RawMessage] = []
        chunks = 0
        while chunks < CHUNKS_A_TRANSACTION:
            chunk = self._next()
            if chunk is None:
                break
            found += chunk
            chunks += 1
        return Group(found, chunks, self._digest.hexdigest()) if chunks else None

    def _next(self) -> list[RawMessage] | None:
        chunk = next(self._chunks, None)
        for message in chunk or ():
            self._digest.update(message.value)
        return chunk
