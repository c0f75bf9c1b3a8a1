"""Rows of the encoded topic that were copied onto it again: few beside the others, so that places are kept, not arrays.

numpy only.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]


@dataclass(slots=True)
class Copies:
    """Of one replay, or of all re-drives: places of the rows that were meant, and of what became of them.

    waiting, booked: those of `meant` that inference has not committed, and that its ledger counts. predicted is empty
    for re-drives: a prediction does not say which copy it was made of.
    """

    meant: list[Places] = field(default_factory=list[Places])
    waiting: list[Places] = field(default_factory=list[Places])
    booked: list[Places] = field(default_factory=list[Places])
    refused: list[Places] = field(default_factory=list[Places])
    predicted: list[Places] = field(default_factory=list[Places])

    def holds(self, places: Places) -> NDArray[np.bool_]:
        """bool [M]: which of these places are of rows that were copied."""
        self.meant = [_whole(self.meant)]  # asked for each batch of predictions
        return np.isin(places, self.meant[0])


def times(parts: list[Places], rows: int) -> NDArray[np.uint16]:
    """uint16 [rows]: how often each place is there."""
    counts = np.zeros(rows, dtype=np.uint16)
    places, often = np.unique(_whole(parts), return_counts=True)
    counts[places] = np.minimum(often, 60_000)
    return counts


def _whole(parts: list[Places]) -> Places:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
