"""How surprising a measured velocity is, given a star's predicted quantiles."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

NORMAL_SCORES: Final = np.array([-1.6448536269514729, -0.994457883209753, 0.0, 0.994457883209753, 1.6448536269514722])
"""Standard normal scores of 5, 16, 50, 84 and 95 %."""


def tail_probability(measured: NDArray[np.floating], quantiles: NDArray[np.float32]) -> NDArray[np.float32]:
    """Two-sided tail probability, float32 [N], NaN where nothing was measured or predicted.

    measured: [N] km/s (NaN = none), quantiles: [N, 5] km/s. The distribution is the normal one, stretched piecewise so
    that its five scores fall on the five quantiles, and on beyond the outer two with the outer slopes.
    """
    result = np.full(len(measured), np.nan, dtype=np.float32)
    known = np.flatnonzero(np.isfinite(measured) & np.isfinite(quantiles).all(axis=1))
    if len(known) == 0:
        return result
    v, q = np.asarray(measured, dtype=np.float64)[known], quantiles[known].astype(np.float64)
    piece = np.clip((v[:, None] > q).sum(axis=1) - 1, 0, 3)
    rows = np.arange(len(known))
    low, high = q[rows, piece], q[rows, piece + 1]
    width = np.maximum(high - low, 1e-6)
    z = NORMAL_SCORES[piece] + (v - low) / width * (NORMAL_SCORES[piece + 1] - NORMAL_SCORES[piece])
    result[known] = [math.erfc(abs(score) / math.sqrt(2.0)) for score in z]
    return result
