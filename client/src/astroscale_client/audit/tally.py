"""A byte or so for each raw row: how often each stage has it. numpy only.

A raw row's place is the number of rows of the messages before it in its partition, plus its row; so that sets of keys
become arrays of counts, and a million rows take some megabytes.
"""

from array import array

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]

MARKS = ("encoded", "rejected", "predicted", "refused")


class Tally:
    """The rows of one raw partition. Add the messages in order, `close`, then `mark` what became of them.

    encoded, rejected, predicted, refused: uint8 [N], how often (255 = or more). waiting: bool [N], encoded in a message
    that inference has not committed. booked: bool [N], encoded in a message that inference's ledger counts.
    """

    def __init__(self) -> None:
        self._offsets, self._rows = array("q"), array("q")
        self.offsets: Places = np.empty(0, dtype=np.int64)
        self.starts: Places = np.zeros(1, dtype=np.int64)
        self.counts: dict[str, NDArray[np.uint8]] = {}
        self.waiting: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)
        self.booked: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)

    def add(self, offset: int, rows: int) -> None:
        """A raw message; offsets must rise."""
        self._offsets.append(offset)
        self._rows.append(rows)

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
        there = (self.offsets[message] == offsets) & (rows >= 0)
        there &= rows < self.starts[message + 1] - self.starts[message]
        return self.starts[message] + rows, there

    def mark(self, name: str, places: Places) -> None:
        """Count each place once more; a place may be there more than once."""
        unique, times = np.unique(places, return_counts=True)
        counts = self.counts[name]
        counts[unique] = np.minimum(counts[unique] + times, 255).astype(np.uint8)

    def keys(self, partition: int, places: Places) -> list[tuple[int, int, int]]:
        """(partition, offset, row) of these places."""
        message = np.searchsorted(self.starts, places, side="right") - 1
        rows = places - self.starts[message]
        return [(partition, int(o), int(r)) for o, r in zip(self.offsets[message], rows, strict=True)]
