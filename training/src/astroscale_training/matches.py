"""Which rows are the same star: those within 3 arcsec of each other."""

from typing import Final

import numpy as np
from astroscale_shared.stars.columns import INPUTS
from astroscale_shared.stars.observations import Observations
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

DUPLICATE_ARCSEC: Final = 3.0


def duplicates(stars: Observations, table: NDArray[np.object_], among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool [N]: stars with a fuller row within 3 arcsec in their own table (object [N]), of those in `among` (bool [N]).

    The row with the most values stays, of equals the first.
    """
    out = np.zeros(len(stars), dtype=np.bool_)
    rows = np.flatnonzero(among)
    values = np.sum([~np.isnan(stars.numeric[c.name][rows]) for c in INPUTS], axis=0)
    for left, right in close_pairs(stars.take(rows)):
        if table[rows[left]] == table[rows[right]] and not out[rows[left]] and not out[rows[right]]:
            # left < right, so that of equals the later goes.
            out[rows[right if values[right] <= values[left] else left]] = True
    return out


def same_star(stars: Observations) -> NDArray[np.intp]:
    """int [N]: the number of the star of each row; rows within 3 arcsec of each other are one star."""
    pairs = close_pairs(stars)
    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(stars), len(stars)))
    return connected_components(links, directed=False)[1].astype(np.intp)


def close_pairs(stars: Observations) -> NDArray[np.intp]:
    """int [M, 2]: rows within 3 arcsec of each other, the lower first, in order. Positions must be there."""
    ra, dec = (np.deg2rad(stars.numeric[name]) for name in ("ra", "dec"))
    points = np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    chord = 2.0 * np.sin(np.deg2rad(DUPLICATE_ARCSEC / 3600.0) / 2.0)
    return np.array(sorted(KDTree(points).query_pairs(chord)), dtype=np.intp).reshape(-1, 2)
