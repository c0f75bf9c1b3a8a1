"""What a batch of predictions looks like in numbers that can be added up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from astroscale_shared.stars.columns import INPUTS
from numpy.typing import NDArray

from astroscale_inference.domain.drift import Counts, Reference
from astroscale_inference.domain.scored import ScoredRows

VELOCITY_EDGES: Final = np.array([-400.0, -200.0, -100.0, -50.0, -25.0, 0.0, 25.0, 50.0, 100.0, 200.0, 400.0])
WIDTH_EDGES: Final = np.array([10.0, 20.0, 30.0, 45.0, 60.0, 80.0, 100.0, 140.0, 200.0, 300.0, 500.0])
TAIL_EDGES: Final = np.array([0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])

INTERVALS: Final = {"90": (0, 4), "68": (1, 3)}
"""By percentage: which two columns of the quantiles bound it."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A histogram: counts int64 [edges + 1], each bin up to and with its edge, the last beyond; and the values' sum."""

    counts: NDArray[np.int64]
    sum: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of some batches, all scored by one model.

    flags: int64 [18], rows that lack each input, then rows in which it is out of range. drift: see `Reference.count`.
    velocity and width in km/s. measured: rows with a measured velocity; inside: how many of them each interval holds.
    """

    rows: int
    flags: NDArray[np.int64]
    extrapolated: int
    velocity: Filled
    width: Filled
    measured: int
    inside: dict[str, int]
    tail: Filled
    reference: Reference
    drift: Counts


def measure(parts: Sequence[ScoredRows], reference: Reference) -> Statistics:
    """Statistics of all rows of all parts, at least one."""
    flags = np.concatenate([part.flags for part in parts])
    quantiles = np.concatenate([part.scores.quantiles for part in parts])
    measured = np.concatenate([part.measured for part in parts])
    tail = np.concatenate([part.tail for part in parts])
    known = np.isfinite(measured)
    return Statistics(
        rows=len(flags),
        flags=_bits(flags)[: 2 * len(INPUTS)],
        extrapolated=sum(int(np.count_nonzero(part.scores.extrapolated)) for part in parts),
        velocity=fill(VELOCITY_EDGES, np.concatenate([part.scores.value for part in parts])),
        width=fill(WIDTH_EDGES, quantiles[:, 4] - quantiles[:, 0]),
        measured=int(np.count_nonzero(known)),
        inside=inside(quantiles[known], measured[known]),
        tail=fill(TAIL_EDGES, tail[np.isfinite(tail)]),
        reference=reference,
        drift=reference.count(np.concatenate([part.features for part in parts])),
    )


def fill(edges: NDArray[np.float64], values: NDArray[np.floating]) -> Filled:
    """A histogram of values [N] over ascending edges [E]."""
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    return Filled(counts.astype(np.int64), float(values.sum(dtype=np.float64)))


def inside(quantiles: NDArray[np.float32], measured: NDArray[np.float64]) -> dict[str, int]:
    """How many measured velocities, [N] km/s, lie in each of `INTERVALS` of quantiles [N, 5]."""
    return {
        level: int(np.count_nonzero((measured >= quantiles[:, low]) & (measured <= quantiles[:, high])))
        for level, (low, high) in INTERVALS.items()
    }


def _bits(flags: NDArray[np.uint32]) -> NDArray[np.int64]:
    """int64 [32]: in how many rows each bit is set."""
    as_bytes = flags.astype("<u4").view(np.uint8).reshape(-1, 4)
    return np.unpackbits(as_bytes, axis=1, bitorder="little").sum(axis=0, dtype=np.int64)
