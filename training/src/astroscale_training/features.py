"""Training rows: each star as it is, and copies of it with inputs taken away before they are encoded."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from astroscale_shared.stars.encoding import FEATURE_NAMES, encode
from astroscale_shared.stars.observations import Observations
from numpy.typing import NDArray

SPECTRUM: Final = ("teff", "logg", "fe_h", "snr")
MOTION: Final = ("pmra", "pmdec")
MASKABLE: Final = (*SPECTRUM, "parallax", *MOTION)
"""Inputs that may be missing; bit i of a pattern says that input i of these is."""

_SEVEN: Final = (1 << len((*SPECTRUM, "parallax"))) - 1
_WEIGHT_OF_INCOMPLETE_COPIES: Final = 0.25
_COLUMNS: Final = [FEATURE_NAMES.index(name) for name in MASKABLE]


@dataclass(frozen=True, slots=True)
class Rows:
    """M rows of N stars.

    features: float32 [M, F]. star: int [M], index of the star. same_star: int [M], equal where two of the N are one
    star of two tables. natural: bool [M], the star as it was observed.
    pattern: int [M], see `patterns`. whole: bool [M], the star itself has all seven features. weight: float64 [M].
    """

    features: NDArray[np.float32]
    star: NDArray[np.intp]
    same_star: NDArray[np.intp]
    natural: NDArray[np.bool_]
    pattern: NDArray[np.int64]
    whole: NDArray[np.bool_]
    weight: NDArray[np.float64]

    def take(self, kept: NDArray[np.bool_]) -> "Rows":
        """Those of the rows, bool [M], of the same N stars."""
        parts = (self.features, self.star, self.same_star, self.natural, self.pattern, self.whole, self.weight)
        return Rows(*(part[kept] for part in parts))  # pyright: ignore[reportArgumentType]


def patterns(features: NDArray[np.float32]) -> NDArray[np.int64]:
    """int64 [N]: which of `MASKABLE` are missing, as bits, from the tensor float32 [N, F] itself."""
    missing = np.isnan(features[:, _COLUMNS])
    return missing.astype(np.int64) @ (1 << np.arange(len(MASKABLE), dtype=np.int64))


def mask(stars: Observations, taken: dict[str, NDArray[np.bool_]]) -> Observations:
    """The same stars without some values: name -> bool [N], True where the value is taken away."""
    numeric = {k: np.where(taken[k], np.nan, v) if k in taken else v for k, v in stars.numeric.items()}
    return Observations(numeric, stars.source_id, stars.survey)


def draw_masks(rows: int, rng: np.random.Generator) -> dict[str, NDArray[np.bool_]]:
    """What to take from each of N stars.

    A fifth loses its signal to noise, a fifth its spectrum, a fifth spectrum and parallax, and of the others each input
    goes with 2 in 5; in each half of them the proper motion goes too.
    """
    kind = rng.integers(0, 5, rows)
    taken: dict[str, NDArray[np.bool_]] = {}
    for name in (*SPECTRUM, "parallax"):
        always = (kind == 0) & (name == "snr") | (kind == 1) & (name in SPECTRUM) | (kind == 2)
        taken[name] = always | (kind >= 3) & (rng.random(rows) < 0.4)
    still = rng.random(rows) < 0.5
    return taken | dict.fromkeys(MOTION, still)


def training_rows(stars: Observations, same_star: NDArray[np.intp], copies: int, seed: int) -> Rows:
    """Each star once as it is, in order, then up to `copies` times with inputs taken away.

    A copy that lost nothing is left out. Stars as they are and copies of stars with all seven features weigh 1: those
    copies are the only ones that show what a missing input costs. Copies of the others weigh less.
    """
    rng = np.random.default_rng(seed)
    n = len(stars)
    blocks = [encode(stars).features]
    blocks += [encode(mask(stars, draw_masks(n, rng))).features for _ in range(copies)]
    features = np.concatenate(blocks)
    star = np.tile(np.arange(n), copies + 1)
    natural = np.arange(len(features)) < n
    pattern = patterns(features)
    kept = natural | (pattern != pattern[:n][star])
    whole = (pattern[:n] & _SEVEN == 0)[star]
    weight = np.where(natural | whole, 1.0, _WEIGHT_OF_INCOMPLETE_COPIES)
    return Rows(
        features[kept], star[kept], same_star[star[kept]], natural[kept], pattern[kept], whole[kept], weight[kept]
    )
