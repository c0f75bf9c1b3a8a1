"""Dead letters, read: the letters of one refused message put together, and the message as it was.

A message with many refused rows, or too large for one letter, has several: `part` counts them. They are written in one
transaction and in order, but letters of other partitions' messages may lie between them.
"""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from astroscale_shared.messaging import deadletters, provenance, topics
from astroscale_shared.messaging.contracts import DeadLetter, RejectedRow
from astroscale_shared.runtime.errors import AstroScaleError


@dataclass(frozen=True, slots=True)
class Source:
    """A topic whose refused messages are on `dlq`; `name` is how an operator calls it."""

    name: str
    topic: str
    dlq: str


RAW: Final = Source("raw", topics.RAW, topics.RAW_DLQ)
ENCODED: Final = Source("encoded", topics.ENCODED, topics.ENCODED_DLQ)
SOURCES: Final = (RAW, ENCODED)


@dataclass(slots=True)
class Refused:
    """One refused message, as its letters say it, without its bytes.

    partition, offset, at_ms: of its first letter, which is its position for an operator, and the broker's time of it.
    head: that letter, with neither rows nor value. offsets: of all of its letters. rows: refused row numbers by reason.
    example: the row that was refused first.
    """

    source: Source
    partition: int
    offset: int
    at_ms: int
    head: DeadLetter
    offsets: list[int] = field(default_factory=list[int])
    parts: list[int] = field(default_factory=list[int])
    rows: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    example: RejectedRow | None = None

    @property
    def position(self) -> str:
        """As `raw-0-17`: how an operator names it."""
        return provenance.position(self.source.name, self.partition, self.offset)

    @property
    def key(self) -> str:
        """The same with the topic's own name: how receipts name it."""
        return provenance.position(self.source.dlq, self.partition, self.offset)

    @property
    def refused(self) -> int:
        """How many of its rows were refused."""
        return sum(len(rows) for rows in self.rows.values())

    @property
    def whole(self) -> bool:
        """Whether its bytes are all here: no letter has expired, none was cut."""
        return set(range(self.head.chunks)) <= set(self.parts) and self.head.value_packing != "cut"

    def chosen(self, reason: str | None = None) -> list[int]:
        """Refused row numbers, ascending: of one reason, or of all."""
        return sorted({row for code, rows in self.rows.items() if reason in (None, code) for row in rows})


class Gathering:
    """Takes the records of one dead-letter topic, in order, and gives the messages that they speak of.

    messages: in the order of their first letters. unreadable: records that are no letters about the source's topic.
    """

    def __init__(self, source: Source) -> None:
        self.messages: list[Refused] = []
        self.unreadable = 0
        self._source = source
        self._open: dict[tuple[int, int, int], Refused] = {}

    def add(self, record: Any) -> tuple[Refused, DeadLetter] | None:
        """Enter a record; the message that it belongs to, and the letter, or None where it is none."""
        letter = parse(record.value)
        if letter is None or letter.topic != self._source.topic:
            self.unreadable += 1
            return None
        about = (record.partition, letter.partition, letter.offset)
        message = self._open.get(about)
        # The same message may have been refused once more (its group's offsets were reset): its parts begin anew.
        if message is None or letter.part <= message.parts[-1]:
            head = letter.model_copy(update={"rejected": [], "value_base64": ""})
            message = Refused(self._source, record.partition, record.offset, record.timestamp, head)
            self._open[about] = message
            self.messages.append(message)
        message.offsets.append(record.offset)
        message.parts.append(letter.part)
        for row in letter.rejected:
            message.rows.setdefault(row.code, []).append(row.row)
            message.example = message.example or row
        return message, letter


def parse(value: bytes | None) -> DeadLetter | None:
    """A letter; None where the bytes are none."""
    try:
        return DeadLetter.model_validate_json(value or b"")
    except ValidationError:
        return None


def value(parts: Iterable[DeadLetter]) -> bytes:
    """The refused message's bytes, of all of its letters. AstroScaleError `letter_cut` where they do not hold it."""
    ordered = sorted(parts, key=lambda letter: letter.part)
    head = ordered[0]
    if head.value_packing == "cut":
        raise AstroScaleError("letter_cut", "the message was cut by an older version when its letter was written")
    if [letter.part for letter in ordered[: head.chunks]] != list(range(head.chunks)):
        raise AstroScaleError("letter_cut", "letters that held parts of the message have expired")
    return deadletters.join(ordered)


def key(head: DeadLetter) -> bytes | None:
    """The refused message's key; of an old letter its text."""
    if head.key_base64 is not None:
        return base64.b64decode(head.key_base64)
    return None if head.key is None else head.key.encode()


def headers(head: DeadLetter) -> list[tuple[str, bytes | None]]:
    """The refused message's headers; of an old letter their text."""
    if head.headers_base64 is None:
        return [(name, text.encode("utf-8", "surrogatepass")) for name, text in head.headers.items()]
    return [(name, None if coded is None else base64.b64decode(coded)) for name, coded in head.headers_base64.items()]


def text(of: bytes, limit: int = 4_000) -> str | None:
    """The bytes as text, as much as `limit` characters of it; None where they are none."""
    try:
        whole = of.decode("utf-8")
    except UnicodeDecodeError:
        return None
    shown = whole[:limit]
    if printable(shown) != shown:
        return None
    return shown if len(whole) <= limit else f"{shown} ... ({len(whole):,} characters)"


def printable(of: str) -> str:
    """Text that does to a terminal nothing but appear: it comes from anyone."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in of)


def in_order(found: Iterable[Gathering]) -> Iterator[Refused]:
    """The messages of several topics, oldest letter first."""
    yield from sorted((m for gathering in found for m in gathering.messages), key=lambda m: (m.at_ms, m.offset))
