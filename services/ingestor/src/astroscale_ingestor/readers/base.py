"""What every reader gives."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a table: columns as the file has them, and lines that could not be split into columns."""

    batch: pa.RecordBatch
    broken_lines: list[str] = field(default_factory=list[str])


class TableReader(Protocol):
    """An open table."""

    def names(self) -> list[str]:
        """The columns' names, in order."""
        ...

    def rows(self) -> int | None:
        """How many rows there are, where the file says it."""
        ...

    def chunks(self, columns: list[str], size: int) -> Iterator[Chunk]:
        """The rows in order, `size` at a time (the last chunk, and one before a broken line, may have fewer)."""
        ...
