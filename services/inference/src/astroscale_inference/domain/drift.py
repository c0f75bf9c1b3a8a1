"""Drift: how far the stars of the stream have moved from those that the model learnt from."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from astroscale_shared.registry.card import Histogram
from astroscale_shared.stars.columns import INPUTS
from astroscale_shared.stars.encoding import FEATURE_NAMES
from numpy.typing import NDArray

WINDOW_ROWS: Final = 20_000
"""Older rows fade: one that came this many rows ago counts e times less than the newest."""
MIN_ROWS: Final = 1_000
MIN_VALUES: Final = 200
"""With fewer values in ten bins, chance alone looks like drift."""
FLOOR: Final = 1e-4
"""Shares of empty bins are taken for this, so that one empty bin is a large term and not an infinite one."""

Counts = tuple[NDArray[np.int64], ...]


class Reference:
    """The training stars' histograms of a card, ready to count against; inputs that the card leaves out are left out."""

    def __init__(self, histograms: Mapping[str, Histogram]) -> None:
        self.names: Final = tuple(column.name for column in INPUTS if column.name in histograms)
        self._columns: Final = [FEATURE_NAMES.index(name) for name in self.names]
        self._edges: Final = [np.array(histograms[name].edges, dtype=np.float64) for name in self.names]
        self.shares: Final = [np.array(histograms[name].shares, dtype=np.float64) for name in self.names]
        self.missing: Final = [histograms[name].missing for name in self.names]

    def count(self, features: NDArray[np.float32]) -> Counts:
        """For each input int64 [bins + 1]: rows in each bin of the card, and last the rows that lack the value.

        features: float32 [N, F].
        """
        counts: list[NDArray[np.int64]] = []
        for column, edges in zip(self._columns, self._edges, strict=True):
            values = features[:, column].astype(np.float64)
            # NaN sorts after everything, so that the last bin holds the missing ones too.
            found = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 2)
            found[-1] = np.count_nonzero(np.isnan(values))
            found[-2] -= found[-1]
            counts.append(found.astype(np.int64))
        return tuple(counts)


class Window:
    """Counts of the last rows against one reference, older ones fading."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._counts = [np.zeros(len(shares) + 1) for shares in reference.shares]
        self._rows = 0

    def add(self, counts: Counts, rows: int) -> None:
        """Take in rows that came in turn, each fading while the next ones came."""
        if rows == 0:
            return
        faded = math.exp(-rows / WINDOW_ROWS)
        weight = WINDOW_ROWS * (1.0 - faded) / rows
        for kept, new in zip(self._counts, counts, strict=True):
            kept *= faded
            kept += weight * new
        self._rows += rows

    def values(self, name: str) -> float:
        """Population stability index of an input's values, over the bins; NaN where too few rows say anything."""
        at = self._at(name)
        if at is None or (there := self._counts[at][:-1]).sum() < MIN_VALUES:
            return math.nan
        expected = self._reference.shares[at]
        return stability_index(expected, there / there.sum()) if expected.any() else math.nan

    def absence(self, name: str) -> float:
        """Population stability index of whether an input is there; NaN where too few rows say anything."""
        at = self._at(name)
        if at is None:
            return math.nan
        missing = self._counts[at][-1] / self._counts[at].sum()
        expected = self._reference.missing[at]
        return stability_index((expected, 1.0 - expected), (missing, 1.0 - missing))

    def _at(self, name: str) -> int | None:
        enough = self._rows >= MIN_ROWS and name in self._reference.names
        return self._reference.names.index(name) if enough else None


def stability_index(
    expected: Sequence[float] | NDArray[np.float64], found: Sequence[float] | NDArray[np.float64]
) -> float:
    """PSI of two lists of shares: the sum of (p - q) ln(p / q). Custom has it that 0.1 is a shift and 0.25 a large one."""
    q, p = np.maximum(expected, FLOOR), np.maximum(found, FLOOR)
    return float(((p - q) * np.log(p / q)).sum())
