"""A byte or so for each raw row: how often each stage has it. numpy only.

A raw row's place is the number of rows of the messages before it in its partition, plus its row; so that sets of keys
become arrays of counts, and a million rows take some megabytes. Of a message that names its rows only those have places.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from astroscale_shared.messaging.provenance import FIRST, KINDS, Kind, Provenance
from numpy.typing import NDArray

from astroscale_client.audit.copies import Copies, Places

MARKS = ("encoded", "rejected", "predicted", "refused")


class Tally:
    """The rows of one raw partition. Add the messages in order, `close`, then `mark` what became of them.

    encoded, rejected, predicted, refused: uint8 [N], how often (255 = or more). waiting: bool [N], encoded in a message
    that inference has not committed. booked: bool [N], encoded in a message that inference's ledger counts.
    copies: what became of their copies on the encoded topic: by replay id, None for re-drives.
    """

    def __init__(self) -> None:
        self._offsets, self._rows, self._kinds = array("q"), array("q"), array("b")
        self._named: dict[int, NDArray[np.int64]] = {}
        self.copied: dict[int, Provenance] = {}
        self.offsets: Places = np.empty(0, dtype=np.int64)
        self.starts: Places = np.zeros(1, dtype=np.int64)
        self.counts: dict[str, NDArray[np.uint8]] = {}
        self.waiting: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)
        self.booked: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)
        self.copies: defaultdict[str | None, Copies] = defaultdict(Copies)

    def add(self, offset: int, rows: int, of: Provenance = FIRST, named: NDArray[np.int64] | None = None) -> None:
        """A raw message; offsets must rise. named: int64 [M], the rows that are meant, ascending; None for all."""
        if of is not FIRST:
            self.copied[len(self._offsets)] = of
        if named is not None:
            self._named[len(self._offsets)] = named
        self._offsets.append(offset)
        self._rows.append(rows if named is None else len(named))
        self._kinds.append(KINDS.index(of.kind))

    def close(self) -> None:
        """All raw messages are known."""
        self.offsets = np.array(self._offsets, dtype=np.int64)
        self.starts = np.concatenate([[0], np.cumsum(np.array(self._rows, dtype=np.int64))]).astype(np.int64)
        self._offsets, self._rows = array("q"), array("q")
        self.counts = {name: np.zeros(self.rows, dtype=np.uint8) for name in MARKS}
        self.waiting = np.zeros(self.rows, dtype=np.bool_)
        self.booked = np.zeros(self.rows, dtype=np.bool_)

    @property
    def rows(self) -> int:
        """How many."""
        return int(self.starts[-1])

    def below(self, offset: int) -> int:
        """Rows of the messages before this offset."""
        return int(self.starts[np.searchsorted(self.offsets, offset)])

    def find(self, offsets: NDArray[np.int64], rows: NDArray[np.int64]) -> tuple[Places, NDArray[np.bool_]]:
        """Places int64 [M] of these keys and bool [M] which of them are there; places of the others mean nothing."""
        if not len(self.offsets):
            return np.zeros(len(offsets), dtype=np.int64), np.zeros(len(offsets), dtype=np.bool_)
        message = np.minimum(np.searchsorted(self.offsets, offsets), len(self.offsets) - 1)
        inside = self._inside(message, rows)
        there = (self.offsets[message] == offsets) & (inside >= 0)
        there &= inside < self.starts[message + 1] - self.starts[message]
        return self.starts[message] + inside, there

    def mark(self, name: str, places: Places) -> None:
        """Count each place once more; a place may be there more than once."""
        unique, times = np.unique(places, return_counts=True)
        counts = self.counts[name]
        counts[unique] = np.minimum(counts[unique] + times, 255).astype(np.uint8)

    def keys(self, partition: int, places: Places) -> list[tuple[int, int, int]]:
        """(partition, offset, row) of these places."""
        message = np.searchsorted(self.starts, places, side="right") - 1
        return [
            (partition, int(self.offsets[m]), self._number(int(m), int(place - self.starts[m])))
            for m, place in zip(message, places, strict=True)
        ]

    def replayed_as(self, offset: int) -> str | None:
        """The replay that the raw message at this offset is a copy of; None where it is of none, or not there."""
        message = int(np.searchsorted(self.offsets, offset))
        there = message < len(self.offsets) and self.offsets[message] == offset
        return self.copied.get(message, FIRST).replay_id if there else None

    def messages_of_copies(self) -> Iterator[tuple[Provenance, NDArray[np.int64], Places]]:
        """Of each message that is a copy: where it is from, its rows' numbers int64 [M], and their places."""
        for message, of in self.copied.items():
            places: Places = np.arange(self.starts[message], self.starts[message + 1], dtype=np.int64)
            named = self._named.get(message)
            yield of, places - self.starts[message] if named is None else named, places

    def by_kind(self, name: str | None, end: int) -> dict[Kind, int]:
        """The sum of a count, or the number of rows, by the kind of their message; of the places before `end`."""
        counted = np.ones(end, dtype=np.int64) if name is None else self.counts[name][:end].astype(np.int64)
        heaped = np.concatenate([[0], np.cumsum(counted)])
        of_message = np.diff(heaped[np.minimum(self.starts, end)])
        kinds = np.array(self._kinds, dtype=np.int8)
        return {kind: int(of_message[kinds == code].sum()) for code, kind in enumerate(KINDS)}

    def _inside(self, message: Places, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """A row's place in its message: its number, or its place among those that the message names."""
        if not self._named:
            return rows
        inside = rows.copy()
        for one in np.unique(message).tolist():
            named = self._named.get(one)
            if named is None:
                continue
            here = message == one
            found = np.searchsorted(named, rows[here])
            known = np.append(named, -1)[found] == rows[here]
            inside[here] = np.where(known, found, -1)
        return inside

    def _number(self, message: int, inside: int) -> int:
        return int(self._named[message][inside]) if message in self._named else inside
