"""What the transactions loop is given for a batch of input: messages to send, and the partition's state after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from astroscale_shared.messaging.headers import Headers


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to produce inside the transaction."""

    topic: str
    value: bytes
    key: bytes | None = None
    headers: Headers = field(default_factory=list[tuple[str, bytes]])
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch of input became: messages to send, and the partition's state after it (under 4,000 characters)."""

    outgoing: Sequence[Outgoing]
    state: str
    observe: Callable[[], None] | None = None
    """Called once the transaction is committed: metrics count only what is durable."""


class Process(Protocol):
    """Records of one partition, and the state before them -> outcome. Runs in a thread.

    expired: how many offsets retention took since that state, before the first of the records; totals say it.
    """

    def __call__(self, records: Sequence[Any], state: str, expired: int = 0, /) -> Outcome: ...
