"""What the linear model sees of a star: fixed functions of the encoded tensor."""

from typing import Final

import numpy as np
from astroscale_shared.stars.encoding import FEATURE_NAMES
from numpy.typing import NDArray

_COLUMN: Final = {name: number for number, name in enumerate(FEATURE_NAMES)}

PROJECTIONS: Final = ("nx", "ny", "nz", "rotation", "radial")
PRODUCTS: Final = tuple((factor, projection) for factor in ("fe_h", "log_distance") for projection in PROJECTIONS)
"""The lag of old, metal-poor stars behind Galactic rotation, and how it changes with distance: a line-of-sight
velocity is a sum of projections, and how much of each depends on the kind of star."""

PRODUCT_COLUMNS: Final = tuple((_COLUMN[a], _COLUMN[b]) for a, b in PRODUCTS)
INPUT_NAMES: Final = (
    *FEATURE_NAMES,
    *(f"missing_{name}" for name in FEATURE_NAMES),
    *(f"{a}*{b}" for a, b in PRODUCTS),
)
INPUTS: Final = len(INPUT_NAMES)
WEIGHTS: Final = INPUTS + 1
"""One weight an input, the last one is the bias."""

PARAMETERS: Final = tuple(_COLUMN[name] for name in ("teff", "logg", "fe_h"))
PARALLAX: Final = _COLUMN["parallax"]
GROUPS: Final = ("complete", "no_parameters", "no_parallax", "neither")
"""Intervals are calibrated for each: bit 0 = one of teff, logg, fe_h is missing; bit 1 = the parallax is."""

_HIDDEN: Final = (
    tuple(_COLUMN[name] for name in ("teff", "logg", "fe_h", "snr")),
    tuple(
        _COLUMN[name] for name in ("parallax", "log_distance", "radius", "height", "rotation", "radial", "v_l", "v_b")
    ),
)


def inputs_of(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Inputs float64 [N, INPUTS] of encoded stars [N, F]: the features with 0 for a missing one, an indicator for
    each missing one, and the products."""
    missing = np.isnan(features)
    filled = np.where(missing, 0.0, features.astype(np.float64))
    products = np.column_stack([filled[:, a] * filled[:, b] for a, b in PRODUCT_COLUMNS])
    return np.hstack([filled, missing.astype(np.float64), products])


def group_of(features: NDArray[np.float32]) -> NDArray[np.int64]:
    """int64 [N]: the calibration group of encoded stars [N, F], an index of GROUPS."""
    missing = np.isnan(features)
    return missing[:, PARAMETERS].any(axis=1) + 2 * missing[:, PARALLAX].astype(np.int64)


def hide(features: NDArray[np.float32], group: int) -> NDArray[np.float32]:
    """A copy of encoded stars [N, F] without what stars of `group` lack."""
    hidden = features.copy()
    for bit, columns in enumerate(_HIDDEN):
        if group >> bit & 1:
            hidden[:, columns] = np.nan
    return hidden


def parts_of(ra: NDArray[np.float64], dec: NDArray[np.float64]) -> NDArray[np.int8]:
    """int8 [N]: 0 = train (7 in 10), 1 = calibrate, 2 = test, from the position (deg) alone.

    A star that two archives hold falls into the same part in both, wherever its row stands (to a tenth of an arcsecond
    on a grid of about 10 arcsec).
    """
    cell = np.floor(ra * 360.0).astype(np.uint64) * np.uint64(1_000_003) + np.floor((dec + 90.0) * 360.0).astype(
        np.uint64
    )
    # splitmix64's finaliser: neighbouring cells get unrelated numbers
    cell = (cell ^ (cell >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    cell = (cell ^ (cell >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    draw = (cell ^ (cell >> np.uint64(31))) % np.uint64(100)
    return (draw >= 70).astype(np.int8) + (draw >= 85).astype(np.int8)
