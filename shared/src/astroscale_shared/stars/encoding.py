"""The encoding: observations -> float32 tensor. It belongs to the stars, not to a model.

A pure function with fixed units, fixed nominal scales and a version. Whatever a model wants beyond it (standardisation,
imputation) is part of that model's own graph, so that models can be swapped and topics replayed without encoding anew.
A different tensor is a different version, side by side with this one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from astroscale_shared.stars.columns import INPUTS
from astroscale_shared.stars.flags import flags_of
from astroscale_shared.stars.geometry import SUN_RADIUS_KPC, geometry, tangential_kms
from astroscale_shared.stars.observations import Observations

ENCODING_VERSION: Final = 1

FEATURE_NAMES: Final = (
    "ra",  # (ra - 180 deg) / 180 deg
    "dec",  # dec / 90 deg
    "teff",  # (teff - 5000 K) / 1000 K
    "logg",  # (logg - 3) / 1.5
    "fe_h",  # ([Fe/H] + 0.3) / 0.5
    "snr",  # (log10(snr + 1) - 2) / 0.5
    "parallax",  # asinh(parallax / mas) / 2
    "pmra",  # asinh(pmra / (10 mas/yr)) / 2
    "pmdec",  # asinh(pmdec / (10 mas/yr)) / 2
    "nx",  # unit vector to the star, Galactic
    "ny",
    "nz",
    "log_distance",  # log10(distance / kpc)
    "radius",  # (R - 8.178 kpc) / kpc
    "height",  # z / kpc
    "rotation",  # projection of Galactic rotation on the line of sight
    "radial",  # projection of outward motion on the line of sight
    "v_l",  # velocity along Galactic longitude / (100 km/s)
    "v_b",  # velocity along Galactic latitude / (100 km/s)
)
"""Columns of the tensor, and how each is scaled."""

BLOCK_ROWS: Final = 8_192
"""Rows at a time: what is worked out on the way stays in the processor's cache."""

MASK_BITS: Final = np.uint32((1 << len(INPUTS)) - 1)


@dataclass(frozen=True, slots=True)
class Encoded:
    """features: float32 [N, F], NaN where it needs a missing input. mask: uint32 [N], bit i set where input i of
    `columns.INPUTS` is missing. flags: uint32 [N], see `stars.flags`."""

    features: NDArray[np.float32]
    mask: NDArray[np.uint32]
    flags: NDArray[np.uint32]


def encode(stars: Observations) -> Encoded:
    """Encode N validated stars (see `observations.validate`); deterministic, row by row independent."""
    flags = flags_of(stars)
    if len(stars) <= BLOCK_ROWS:
        return Encoded(np.ascontiguousarray(_block(stars.numeric).T), flags & MASK_BITS, flags)
    features = np.empty((len(stars), len(FEATURE_NAMES)), dtype=np.float32)
    for start in range(0, len(stars), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        features[rows] = _block({column.name: stars.numeric[column.name][rows] for column in INPUTS}).T
    return Encoded(features, flags & MASK_BITS, flags)


def _block(col: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float32]:
    """float32 [F, M] of M stars."""
    ra, dec, parallax = col["ra"], col["dec"], col["parallax"]
    place = geometry(ra, dec, parallax)
    out = np.empty((len(FEATURE_NAMES), len(ra)), dtype=np.float32)
    out[0] = (ra - 180.0) / 180.0
    out[1] = dec / 90.0
    out[2] = (col["teff"] - 5000.0) / 1000.0
    out[3] = (col["logg"] - 3.0) / 1.5
    out[4] = (col["fe_h"] + 0.3) / 0.5
    out[5] = (np.log10(col["snr"] + 1.0) - 2.0) / 0.5
    out[6] = np.arcsinh(parallax) / 2.0
    out[9], out[10], out[11] = place.nx, place.ny, place.nz
    out[12] = np.log10(place.distance)
    out[13] = place.radius - SUN_RADIUS_KPC
    out[14] = place.height
    out[15], out[16] = place.rotation, place.radial
    # Many stars have no proper motion, and the turn is a third of the work.
    lacks = np.isnan(col["pmra"]) & np.isnan(col["pmdec"])
    moves: slice | NDArray[np.intp] = slice(None)
    if lacks.any():
        out[7:9] = out[17:] = np.nan
        moves = np.flatnonzero(~lacks)
        if not len(moves):
            return out
    pmra, pmdec = col["pmra"][moves], col["pmdec"][moves]
    out[7, moves] = np.arcsinh(pmra / 10.0) / 2.0
    out[8, moves] = np.arcsinh(pmdec / 10.0) / 2.0
    v_l, v_b = tangential_kms(ra[moves], dec[moves], pmra, pmdec, place.distance[moves])
    out[17, moves], out[18, moves] = v_l / 100.0, v_b / 100.0
    return out
