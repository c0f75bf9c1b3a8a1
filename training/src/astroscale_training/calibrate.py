"""Conformal factors: how many scales each quantile lies from the value, on held-out rows, by group.

Groups are the pattern of missing inputs, the metallicity and the parallax. A group with few rows borrows from the wider
one that it belongs to.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from astroscale_shared.registry.card import QUANTILES
from astroscale_shared.stars.encoding import FEATURE_NAMES
from numpy.typing import NDArray

from astroscale_training.features import MASKABLE, MOTION, SPECTRUM, patterns

PATTERNS: Final = (
    "all seven",
    "no snr",
    "no teff, logg, fe_h, snr",
    "no teff, logg, fe_h, snr, parallax",
    "other inputs missing",
)
GROUP_NAMES: Final = tuple(f"{g}; {m}" for g in PATTERNS for m in ("with proper motion", "no proper motion"))

FE_H_EDGES: Final = (-2.0, -1.5, -1.0, -0.5, -0.25, 0.0, 0.25)
"""[Fe/H], dex."""

PARALLAX_EDGES: Final = (0.1, 0.3, 1.0, 3.0, 10.0)
"""mas. With errors of some hundredths (Gaia) to one mas (Hipparcos), these are steps of parallax over error too."""

FE_H_ENCODED: Final = np.array([-np.inf, *[(edge + 0.3) / 0.5 for edge in FE_H_EDGES]], dtype=np.float32)
PARALLAX_ENCODED: Final = np.array([-np.inf, *[np.arcsinh(e) / 2.0 for e in PARALLAX_EDGES]], dtype=np.float32)
"""Edges in units of the encoding. The first is passed by every number and not by NaN, so bin 0 is: missing."""

SHAPE: Final = (len(GROUP_NAMES), len(FE_H_ENCODED) + 1, len(PARALLAX_ENCODED) + 1)
_FE_H: Final = FEATURE_NAMES.index("fe_h")
_PARALLAX: Final = FEATURE_NAMES.index("parallax")

_FEWEST: Final = 10
_FEWEST_OBSERVED: Final = 200
_HALF_TRUST: Final = 150.0
"""Rows at which a group's own factors count as much as its parent's."""


def groups() -> NDArray[np.int64]:
    """int64 [2**7]: the group (index in `GROUP_NAMES`) of each pattern of missing inputs."""
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
    return np.array(out, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Cells:
    """group, fe_h, parallax: int64 [N] each, the place of a row in the table of factors."""

    group: NDArray[np.int64]
    fe_h: NDArray[np.int64]
    parallax: NDArray[np.int64]

    def __getitem__(self, rows: NDArray[np.bool_]) -> "Cells":
        return Cells(self.group[rows], self.fe_h[rows], self.parallax[rows])

    @property
    def flat(self) -> NDArray[np.int64]:
        """int64 [N]: the row of the table when its first three axes are one."""
        return (self.group * SHAPE[1] + self.fe_h) * SHAPE[2] + self.parallax


def by_pattern(table: NDArray[np.float64]) -> NDArray[np.float32]:
    """float32 [2**7 * bins, 5]: the table [*SHAPE, 5] with a pattern of missing inputs for each group, as a graph looks
    it up; the row is (pattern, bin of [Fe/H], bin of parallax)."""
    return table[groups()].reshape(-1, table.shape[-1]).astype(np.float32)


def cells(features: NDArray[np.float32]) -> Cells:
    """Cells of encoded stars float32 [N, F]."""
    with np.errstate(invalid="ignore"):
        fe_h = (features[:, [_FE_H]] > FE_H_ENCODED).sum(axis=1)
        parallax = (features[:, [_PARALLAX]] > PARALLAX_ENCODED).sum(axis=1)
    return Cells(groups()[patterns(features)], fe_h, parallax)


@dataclass(frozen=True, slots=True)
class HeldOutRatios:
    """Held-out residuals over scale, float64 [M], with the weights (float64 [M]) and cells of their rows.

    natural: bool [M], the star as it was observed. whole: bool [M], the star itself has all seven features.
    """

    ratio: NDArray[np.float64]
    weight: NDArray[np.float64]
    at: Cells
    natural: NDArray[np.bool_]
    whole: NDArray[np.bool_]

    def __getitem__(self, rows: NDArray[np.bool_]) -> "HeldOutRatios":
        return HeldOutRatios(self.ratio[rows], self.weight[rows], self.at[rows], self.natural[rows], self.whole[rows])

    def __len__(self) -> int:
        return len(self.ratio)


def calibrate(held: HeldOutRatios) -> NDArray[np.float64]:
    """Factors float64 [*SHAPE, 5], ascending, the first <= 0 <= the last.

    A pattern in which stars were observed keeps its promise to those. One that only copies show must keep it to stars of
    any kind that lack these inputs, and those with full spectra are often the harder ones: each quantile is the outer
    one of all its rows and of its copies of stars with all seven features.
    """
    table = np.empty((*SHAPE, len(QUANTILES)))
    table[:] = _own(held, outer=False)
    for g in range(SHAPE[0]):
        of_group = held[held.at.group == g]
        outer = of_group.natural.sum() < _FEWEST_OBSERVED
        table[g] = _between(table[g, 0, 0], of_group, outer=outer)
        for f in range(SHAPE[1]):
            of_metallicity = of_group[of_group.at.fe_h == f]
            table[g, f] = _between(table[g, f, 0], of_metallicity, outer=outer)
            for p in range(SHAPE[2]):
                cell = of_metallicity[of_metallicity.at.parallax == p]
                table[g, f, p] = _between(table[g, f, p], cell, outer=outer)
    # The value is a mean, and must lie inside the interval even where residuals lean to one side.
    table[..., 0] = np.minimum(table[..., 0], 0.0)
    table[..., -1] = np.maximum(table[..., -1], 0.0)
    return table


def _between(parent: NDArray[np.float64], rows: HeldOutRatios, *, outer: bool) -> NDArray[np.float64]:
    """The group's own quantiles and its parent's, by how many rows the group has; each ascends, so the mixture does."""
    if len(rows) < _FEWEST:
        return parent.copy()
    trust = len(rows) / (len(rows) + _HALF_TRUST)
    return trust * _own(rows, outer=outer) + (1.0 - trust) * parent


def _own(rows: HeldOutRatios, *, outer: bool) -> NDArray[np.float64]:
    own = weighted_quantiles(rows.ratio, rows.weight, QUANTILES)
    if not outer or rows.whole.sum() < _FEWEST:
        return own
    whole = weighted_quantiles(rows.ratio[rows.whole], rows.weight[rows.whole], QUANTILES)
    middle = len(QUANTILES) // 2
    low, high = np.minimum(own[:middle], whole[:middle]), np.maximum(own[middle + 1 :], whole[middle + 1 :])
    return np.concatenate([low, own[middle : middle + 1], high])


def weighted_quantiles(
    values: NDArray[np.float64], weight: NDArray[np.float64], levels: tuple[float, ...]
) -> NDArray[np.float64]:
    """float64 [len(levels)], ascending: quantiles of values with weights, float64 [M] each.

    Beyond the outermost values these themselves are taken: a quantile is never invented.
    """
    order = np.argsort(values, kind="stable")
    heaped = np.cumsum(weight[order])
    return np.interp(levels, (heaped - weight[order] / 2.0) / heaped[-1], values[order])
