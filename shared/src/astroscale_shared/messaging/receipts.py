"""Receipts of re-drives: which rows of which dead letters have been sent again, and where to.

Written in the re-drive's own transaction. A letter's receipts name disjoint rows (what has one is not sent again), so the
first row of each makes its key.
"""

from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from astroscale_shared.messaging import clients, provenance, topics
from astroscale_shared.messaging.contracts import Strict
from astroscale_shared.messaging.letters import Refused
from astroscale_shared.messaging.outcome import Outgoing
from astroscale_shared.messaging.provenance import Provenance
from astroscale_shared.runtime.settings import KafkaSettings

_NONE: Final = frozenset[int]()


class Receipt(Strict):
    """letter, letter_ms: position of a dead letter, and its time (a topic made anew has others at the same offsets).
    rows: as astro-rows writes them. hop: of the copy, which went to `sent`."""

    letter: str
    letter_ms: int
    rows: str
    hop: int
    sent: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Receipts:
    """What has been re-driven, by letter."""

    given: dict[tuple[str, int], set[int]]

    def rows(self, of: Refused) -> set[int] | frozenset[int]:
        """Rows of a message that have been re-driven."""
        return self.given.get((of.key, of.at_ms), _NONE)


def write(of: Refused, rows: list[int], sent: str, at_ms: int) -> Outgoing:
    """The receipt of one copy."""
    named = dict(provenance.write(Provenance(rows=provenance.runs(rows))))[provenance.ROWS].decode()
    receipt = Receipt(letter=of.key, letter_ms=of.at_ms, rows=named, hop=of.head.hop + 1, sent=sent, at_ms=at_ms)
    return Outgoing(topics.REDRIVEN, receipt.model_dump_json().encode(), key=f"{of.key}-{rows[0]}".encode())


async def read(settings: KafkaSettings) -> Receipts:
    """All that are there, read committed."""
    given: dict[tuple[str, int], set[int]] = {}
    for record in await clients.read_to_end(settings, topics.REDRIVEN):
        try:
            receipt = Receipt.model_validate_json(record.value or b"")
        except ValidationError:
            continue
        named = provenance.read({provenance.ROWS: receipt.rows}).rows or ()
        given.setdefault((receipt.letter, receipt.letter_ms), set()).update(*named)
    return Receipts(given)
