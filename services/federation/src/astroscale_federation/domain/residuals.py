"""Intervals from a histogram of residuals, which can be added over archives."""

from typing import Final

import numpy as np
from astroscale_shared.registry.card import QUANTILES
from numpy.typing import NDArray

HALF_WIDTH_KMS: Final = 2048
LIMIT_KMS: Final = 6000.0
"""Allowed velocities end at 3,000 km/s and predictions are clipped there: no residual is beyond."""

EDGES: Final = np.concatenate(
    [[-LIMIT_KMS], np.arange(-HALF_WIDTH_KMS, HALF_WIDTH_KMS + 1, dtype=np.float64), [LIMIT_KMS]]
)
"""Bins of 1 km/s, and one beyond at each end; the same for every archive and every federation."""

BINS: Final = len(EDGES) - 1
MINIMUM_ROWS: Final = 20
"""Fewer residuals have no 5th and 95th percentile that holds in finite samples."""


def count(residual: NDArray[np.float64]) -> NDArray[np.int64]:
    """int64 [BINS]: how many residuals (true minus predicted, km/s) [N] fall in each bin."""
    return np.histogram(np.clip(residual, -LIMIT_KMS, LIMIT_KMS), EDGES)[0].astype(np.int64)


def offsets(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64 [5]: what to add to a prediction (km/s) for the quantiles of `QUANTILES`.

    Conformal ranks (Vovk et al. 2005; Romano et al. 2019): the ceil((n+1)p)-th residual above the middle, the
    floor((n+1)p)-th below it, each taken at the outer edge of its bin, so that a new star of the same kind lies outside
    at most as often as stated. The prediction itself lies inside [q05, q95].
    """
    n = int(counts.sum())
    cumulative = np.cumsum(counts)
    found = np.empty(len(QUANTILES))
    for position, level in enumerate(QUANTILES):
        if level < 0.5:  # noqa: PLR2004, RUF100
            rank = int(np.floor((n + 1) * level + 1e-9))
            bin_ = int(np.searchsorted(cumulative, rank)) if rank >= 1 else 0
            found[position] = EDGES[bin_]
        else:
            rank = int(np.ceil((n + 1) * level - 1e-9))
            bin_ = int(np.searchsorted(cumulative, rank)) if rank <= n else BINS - 1
            found[position] = EDGES[bin_ + 1]
    middle = len(QUANTILES) // 2
    found[middle] = np.clip(found[middle] - 0.5, found[middle - 1], found[middle + 1])  # the middle of its bin
    found[0], found[-1] = min(found[0], 0.0), max(found[-1], 0.0)
    return found


def table(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64 [G, 5]: the offsets of each group from int64 [G, BINS].

    A group with too few stars takes the one that lacks more. Raises ValueError where the last one has too few.
    """
    rows = counts.sum(axis=1)
    last = len(counts) - 1
    if rows[last] < MINIMUM_ROWS:
        raise ValueError(f"{int(rows[last])} stars were kept aside for calibration, {MINIMUM_ROWS} are needed")
    found = np.empty((len(counts), len(QUANTILES)))
    for group in range(len(counts)):
        chosen = next(g for g in (group, group | 1, group | 2, last) if rows[g] >= MINIMUM_ROWS)
        found[group] = offsets(counts[chosen])
    return found


def coverage(counts: NDArray[np.int64], of: NDArray[np.float64]) -> float:
    """Which part of the residuals counted in int64 [BINS] lies in [q05, q95] of offsets [5]; NaN where there is none."""
    total = int(counts.sum())
    inside = counts[(EDGES[:-1] >= of[0]) & (EDGES[1:] <= of[-1])].sum()
    return float(inside / total) if total else float("nan")
