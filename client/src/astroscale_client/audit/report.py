"""What an audit found."""

from dataclasses import asdict, dataclass, field
from typing import Any, Final

EXAMPLES: Final = 5
"""Keys named for each finding; the counts are of all."""

Key = tuple[int, int, int]
"""(raw partition, raw offset, raw row)."""


@dataclass(slots=True)
class Finding:
    """A number of rows, and the keys of some."""

    rows: int = 0
    examples: list[Key] = field(default_factory=list[Key])

    def add(self, rows: int, examples: list[Key]) -> None:
        """Count more rows; of their keys the first few are kept."""
        self.rows += rows
        self.examples += examples[: EXAMPLES - len(self.examples)]


@dataclass(slots=True)
class StageReport:
    """One step of the way, in rows.

    rows = done + refused + in_flight + expired + lost. `in_flight` are rows that the service has not committed yet,
    `expired` rows whose outcome may have been in messages that the topic no longer holds. `twice` are rows with more
    than one outcome, `extra` outcomes of rows that are not there.
    """

    name: str
    rows: int = 0
    done: int = 0
    refused: int = 0
    in_flight: int = 0
    expired: int = 0
    lost: Finding = field(default_factory=Finding)
    twice: Finding = field(default_factory=Finding)
    extra: Finding = field(default_factory=Finding)

    @property
    def clean(self) -> bool:
        """Nothing lost, twice or extra."""
        return not (self.lost.rows or self.twice.rows or self.extra.rows)


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """One total of the ledger beside what was counted, over the same offsets."""

    service: str
    quantity: str
    ledger: int
    counted: int
    kind: str = "first"

    @property
    def agrees(self) -> bool:
        """Whether both are the same."""
        return self.ledger == self.counted


@dataclass(slots=True)
class AuditReport:
    """An audit. expired: first offset still held, by `topic-partition`, where it is not 0. unread: by service, offsets
    that retention took before it read them. redriven, replayed: rows of either stage that are copies, counted with the
    others."""

    encode: StageReport
    predict: StageReport
    ledger: list[LedgerCheck] = field(default_factory=list[LedgerCheck])
    expired: dict[str, int] = field(default_factory=dict[str, int])
    unread: dict[str, int] = field(default_factory=dict[str, int])
    redriven: int = 0
    replayed: int = 0
    unreadable_letters: int = 0
    waited_in_vain: bool = False
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """No key lost, twice or extra, and the ledger says what was counted."""
        return self.encode.clean and self.predict.clean and all(check.agrees for check in self.ledger)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; the verdicts included."""
        document = asdict(self)
        document["clean"] = self.clean
        for name, stage in (("encode", self.encode), ("predict", self.predict)):
            document[name]["clean"] = stage.clean
        for entry, check in zip(document["ledger"], self.ledger, strict=True):
            entry["agrees"] = check.agrees
        return document
