"""Conformal factors: how many scales each quantile lies from the value, by pattern of missing inputs, on held-out rows."""

from typing import Final

import numpy as np
from astroscale_shared.registry.card import QUANTILES
from numpy.typing import NDArray

from astroscale_training.features import MASKABLE, MOTION, SPECTRUM, Rows

GROUPS: Final = (
    "all seven",
    "no snr",
    "no teff, logg, fe_h, snr",
    "no teff, logg, fe_h, snr, parallax",
    "other inputs missing",
)
GROUP_NAMES: Final = tuple(f"{g}; {m}" for g in GROUPS for m in ("with proper motion", "no proper motion"))

_FEWEST_ROWS: Final = 200


def groups() -> NDArray[np.intp]:
    """int [2**7]: the group (index in `GROUP_NAMES`) of each pattern of missing inputs."""
    known = {
        frozenset[str](): 0,
        frozenset({"snr"}): 1,
        frozenset(SPECTRUM): 2,
        frozenset({*SPECTRUM, "parallax"}): 3,
    }
    out: list[int] = []
    for pattern in range(1 << len(MASKABLE)):
        missing = frozenset(name for bit, name in enumerate(MASKABLE) if pattern >> bit & 1)
        out.append(2 * known.get(missing - set(MOTION), len(known)) + bool(missing & set(MOTION)))
    return np.array(out, dtype=np.intp)


def calibrate(ratio: NDArray[np.float64], rows: Rows, among: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Factors float64 [2**7, 5] from the rows in `among` (bool [M]); ratio: float64 [M], held-out residual over scale.

    Each group gets the weighted quantiles of its own ratios; one with fewer than 200 rows gets those of all rows. Stars
    that were never seen with a spectrum are often easier ones than those that lost it, so each quantile is the outer
    one of the whole group and of its stars with all seven features: both are promised at least their coverage.
    """
    of_pattern = groups()
    group = of_pattern[rows.pattern]
    table = np.empty((len(GROUP_NAMES), len(QUANTILES)))
    table[:] = _factors(ratio[among], rows.weight[among])
    for g in range(len(GROUP_NAMES)):
        members = among & (group == g)
        parts = [part for part in (members, members & rows.whole) if part.sum() >= _FEWEST_ROWS]
        if parts:
            table[g] = _outer(np.stack([_factors(ratio[part], rows.weight[part]) for part in parts]))
    return table[of_pattern]


def _factors(ratio: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    found = weighted_quantiles(ratio, weight, QUANTILES)
    # The value is a mean, and must lie inside the interval even where residuals lean to one side.
    found[0], found[-1] = min(found[0], 0.0), max(found[-1], 0.0)
    return found


def _outer(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [5] of float64 [P, 5]: lowest of the lower quantiles, highest of the upper, the first part's median."""
    middle = len(QUANTILES) // 2
    low, high = parts[:, :middle].min(axis=0), parts[:, middle + 1 :].max(axis=0)
    return np.concatenate([low, parts[0, middle : middle + 1], high])


def weighted_quantiles(
    values: NDArray[np.float64], weight: NDArray[np.float64], levels: tuple[float, ...]
) -> NDArray[np.float64]:
    """float64 [len(levels)], ascending: quantiles of values with weights, float64 [M] each."""
    order = np.argsort(values, kind="stable")
    heaped = np.cumsum(weight[order])
    return np.interp(levels, (heaped - weight[order] / 2.0) / heaped[-1], values[order])
