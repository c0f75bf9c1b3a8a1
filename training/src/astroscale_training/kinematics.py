"""What the encoded tensor says of a star's motion along the line of sight, before anything is learnt.

The Sun's motion projected on the line of sight; the mean velocity and velocity ellipsoid of Galactic populations at the
star's place; and, where the proper motion is known, what the two tangential components of the star's velocity say about
the third: the conditional mean of a three-dimensional normal distribution given two of its components.
All velocities are in units of 100 km/s, as in the encoding.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from astroscale_shared.stars.encoding import FEATURE_NAMES

from astroscale_training.ops import Array, Ops, Tensor

SUN: Final = (0.111, 2.45, 0.0725)
"""The Sun's velocity around the Galaxy (U, V + rotation, W): Schoenrich, Binney & Dehnen 2010 (MNRAS 403, 1829) and the
proper motion of Sgr A* at 8.178 kpc (Reid & Brunthaler 2004, ApJ 616, 872)."""

POPULATIONS: Final = {
    "thin disc": ((0.0, 2.18, 0.0), (0.35, 0.25, 0.18)),
    "thick disc": ((0.0, 1.85, 0.0), (0.65, 0.50, 0.40)),
    "halo": ((0.0, 0.20, 0.0), (1.50, 0.85, 0.85)),
}
"""Mean and dispersion of (outward, rotation, vertical) velocity: rounded from Bland-Hawthorn & Gerhard 2016 (ARA&A 54,
529), sections 5 and 6. Starting points: the fit weighs and bends them."""

FASTEST: Final = 4.0
"""Tangential speeds bend towards 400 km/s: faster ones are mostly distances gone wrong."""

FARTHEST: Final = (4.0, 6.0, 3.0)
"""Log distance, radius and height (as encoded) bend towards these."""

_P: Final = len(POPULATIONS)
_INDEX: Final = {name: i for i, name in enumerate(FEATURE_NAMES)}
_INDICATED: Final = ("teff", "logg", "fe_h", "snr", "parallax", "v_l")
"""Features whose absence the fit is told of."""

PARAMETERS: Final = (
    *("fe_h", "teff", "logg", "snr", "log_distance", "radius", "height"),
    *(f"missing_{name}" for name in _INDICATED),
    *(f"oddness_{name.replace(' ', '_')}" for name in POPULATIONS),
    *("outward_speed", "rotation_speed", "vertical_speed"),
)
"""Names of the columns of `Kinematics.parameters`."""

BASIS: Final = ("one", "nx", "ny", "nz", "rotation", "radial", *POPULATIONS)
"""Names of the columns of `Kinematics.basis`."""


@dataclass(frozen=True, slots=True)
class Kinematics:
    """parameters: [N, len(PARAMETERS)], all finite: what the motion depends on. basis: [N, len(BASIS)], all finite: the
    directions and velocities that its coefficients multiply."""

    parameters: Tensor
    basis: Tensor


def kinematics(ops: Ops, features: Tensor) -> Kinematics:
    """Kinematics of encoded stars [N, F] (NaN = missing).

    A star without parallax is placed near the Sun, where Galactic rotation projects as ny and outward motion as -nx; one
    without proper motion gets the populations' unconditional means.
    """
    missing = ops.missing(features)
    absent = ops.matmul(missing, _columns(_INDICATED))
    present = 1.0 - ops.matmul(missing, _columns(("v_l",)))
    known = ops.filled(features, ops.matmul(ops.filled(features, _TYPICAL), _FALLBACK))
    arranged = ops.matmul(known, _ARRANGED) + _ARRANGED_CONSTANT
    directions, nz, along, sideways, in_plane, sun, moving, spectrum = ops.split(arranged, _WIDTHS)
    # Not of nz: next to a Galactic pole 1 - nz^2 has no digits left in float32.
    cos_b = ops.sqrt(ops.clip(ops.sum_columns(in_plane * in_plane), _POLE, 1.0))
    tan_b = nz / cos_b

    # Unit vectors of longitude and latitude, like that of the line of sight along (outward, rotation, vertical).
    longitude = sideways / cos_b
    latitude = cos_b * _VERTICAL - tan_b * in_plane

    # Tangential speed and place bend towards bounds; then the velocity is taken to the Galaxy's rest frame.
    bent = moving / ops.sqrt(ops.matmul(moving * moving, _BENDING) + 1.0)
    v_l, v_b, place = ops.split(bent, (1, 1, 3))
    sun_along, sun_longitude, sun_in_plane = ops.split(sun, (1, 1, 1))
    g_l = v_l + sun_longitude / cos_b
    g_b = v_b + cos_b * SUN[2] - tan_b * sun_in_plane

    # Each population's covariances of line of sight (r), longitude (l) and latitude (b), all in one product.
    first = ops.concat([longitude, longitude, latitude, along, along])
    second = ops.concat([longitude, latitude, latitude, longitude, latitude])
    s_ll, s_lb, s_bb, s_rl, s_rb = ops.split(ops.matmul(first * second, _COVARIANCES), (_P,) * 5)
    mean_r, mean_l, mean_b = ops.split(ops.matmul(first, _MEANS), (_P,) * 3)
    off_l, off_b = g_l - mean_l, g_b - mean_b
    determinant = s_ll * s_bb - s_lb * s_lb + _POLE  # at a pole itself there is neither longitude nor latitude
    by_l = (s_bb * off_l - s_lb * off_b) / determinant
    by_b = (s_ll * off_b - s_lb * off_l) / determinant
    conditional = mean_r - sun_along + present * (s_rl * by_l + s_rb * by_b)

    # How odd the tangential velocity is for each population (Mahalanobis), and its three components.
    oddness = ops.sqrt(ops.clip(off_l * by_l + off_b * by_b, 0.0, 40.0))
    motion = present * ops.concat([oddness, g_l * longitude + g_b * latitude])
    return Kinematics(
        parameters=ops.concat([spectrum, place, absent, motion]), basis=ops.concat([directions, conditional])
    )


def _columns(names: tuple[str, ...]) -> Array:
    """[F, len(names)]: picks these features."""
    out = np.zeros((len(FEATURE_NAMES), len(names)))
    for column, name in enumerate(names):
        out[_INDEX[name], column] = 1.0
    return out


def _fallback() -> Array:
    """[F, F]: features as they are, but rotation and radial from the direction, as next to the Sun."""
    out = np.eye(len(FEATURE_NAMES))
    for name, source, sign in (("rotation", "ny", 1.0), ("radial", "nx", -1.0)):
        out[:, _INDEX[name]] = 0.0
        out[_INDEX[source], _INDEX[name]] = sign
    return out


def _typical() -> Array:
    out = np.zeros((1, len(FEATURE_NAMES)))
    out[0, _INDEX["log_distance"]] = -0.3
    return out


def _covariances() -> Array:
    """[15, 5 P]: products of unit vectors' components, weighted with the populations' variances."""
    variances = np.array([dispersion for _, dispersion in POPULATIONS.values()]).T ** 2
    return np.kron(np.eye(5), variances).astype(np.float64)


def _means() -> Array:
    """[15, 3 P]: of (longitude, longitude, latitude, along, along) to the populations' means of r, l and b."""
    means = np.array([mean for mean, _ in POPULATIONS.values()]).T
    picks = np.array([[0, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 0], [0, 0, 0]])
    return np.kron(picks, means).astype(np.float64)


def _arranged() -> tuple[Array, tuple[int, ...]]:
    """[F, sum of widths] and the widths: what `kinematics` takes of the features, each part a linear combination."""
    n = {axis: _columns((axis,))[:, 0] for axis in ("nx", "ny", "nz", "rotation", "radial")}
    zero = np.zeros(len(FEATURE_NAMES))
    u, v, w = SUN
    parts = (
        [zero, n["nx"], n["ny"], n["nz"], n["rotation"], n["radial"]],  # the constant makes the first 1
        [n["nz"]],
        [n["radial"], n["rotation"], n["nz"]],
        [n["rotation"], -n["radial"], zero],
        [n["radial"], n["rotation"], zero],
        [u * n["nx"] + v * n["ny"] + w * n["nz"], v * n["nx"] - u * n["ny"], u * n["nx"] + v * n["ny"]],
        list(_columns(("v_l", "v_b", "log_distance", "radius", "height")).T),
        list(_columns(("fe_h", "teff", "logg", "snr")).T),
    )
    return np.array([column for part in parts for column in part]).T, tuple(len(part) for part in parts)


def _bending() -> Array:
    """[5, 5]: squares of (v_l, v_b, log distance, radius, height) over the squares of where they bend to."""
    out = np.zeros((5, 5))
    out[:2, :2] = FASTEST**-2
    out[[2, 3, 4], [2, 3, 4]] = 1.0 / np.array(FARTHEST) ** 2
    return out


_TYPICAL: Final = _typical()
_FALLBACK: Final = _fallback()
_ARRANGED, _WIDTHS = _arranged()
_ARRANGED_CONSTANT: Final = np.eye(1, sum(_WIDTHS))
_BENDING: Final = _bending()
_POLE: Final = 1e-12
_VERTICAL: Final = np.array([[0.0, 0.0, 1.0]])
_COVARIANCES: Final = _covariances()
_MEANS: Final = _means()
