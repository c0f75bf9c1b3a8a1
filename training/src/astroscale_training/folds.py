"""Who is held out together: folds of stars, and of whole cells of the sky."""

import numpy as np
from numpy.typing import NDArray


def shuffled_folds(same_star: NDArray[np.intp], folds: int, seed: int) -> NDArray[np.intp]:
    """int [N]: a fold for each row, of even sizes; rows of one star (int [N]) share theirs."""
    _, star = np.unique(same_star, return_inverse=True)
    return np.random.default_rng(seed).permutation(np.arange(star.max() + 1) % folds)[star]


def learning_share(same_star: NDArray[np.intp], share: float, seed: int) -> NDArray[np.bool_]:
    """bool [N]: rows that stay for fitting while the others judge; rows of one star (int [N]) stay together."""
    _, star = np.unique(same_star, return_inverse=True)
    return (np.random.default_rng(seed).random(star.max() + 1) < share)[star]


def sky_folds(
    ra: NDArray[np.float64], dec: NDArray[np.float64], same_star: NDArray[np.intp], folds: int, seed: int
) -> NDArray[np.intp]:
    """int [N]: folds of whole sky cells of about 15 degrees, so that no test star has training neighbours.

    ra, dec: float64 [N], deg. A star (int [N]) whose rows straddle two cells is in the cell of its first row.
    """
    band = np.floor((dec + 90.0) / 15.0)
    across = np.maximum(np.round(24.0 * np.cos(np.deg2rad(band * 15.0 - 82.5))), 1.0)
    cell = (band * 100 + np.floor(ra / 360.0 * across)).astype(np.int64)
    _, first, star = np.unique(same_star, return_index=True, return_inverse=True)
    cells, of_star = np.unique(cell[first], return_inverse=True)
    return np.random.default_rng(seed).permutation(np.arange(len(cells)) % folds)[of_star[star]]
