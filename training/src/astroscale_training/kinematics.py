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
from numpy.typing import NDArray

from astroscale_training.ops import Array, Ops, Tensor

SUN: Final = (0.111, 2.45, 0.0725)
"""The Sun's velocity around the Galaxy (U, V + rotation, W): Schoenrich, Binney & Dehnen 2010 (MNRAS 403, 1829) and the
proper motion of Sgr A* at 8.178 kpc (Reid & Brunthaler 2004, ApJ 616, 872). These give 0.1110, 2.473 and 0.0725; the
models were made with 2.45, and another number would be another model."""

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

ODDEST: Final = 40.0
"""Squared oddness ends here: what is odder is odd for every population."""

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

    def take(self, rows: slice | NDArray[np.bool_]) -> "Kinematics":
        """Those of the rows, of arrays."""
        return Kinematics(self.parameters[rows], self.basis[rows])


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
    directions, across, in_plane, along, sun_along, moving, spectrum = ops.split(arranged, _WIDTHS)

    # Unit vectors of longitude and latitude, like that of the line of sight along (outward, rotation, vertical), and the
    # Sun's velocity along each. Not of nz: next to a Galactic pole 1 - nz^2 has no digits left in float32.
    cos_b = ops.sqrt(ops.clip(ops.matmul(in_plane * in_plane, _IN_PLANE), _POLE, 1.0))
    longitude, sun_longitude, tan_b = ops.split(across / cos_b, (3, 1, 1))
    latitude, sun_latitude = ops.split(cos_b * _UPWARD - tan_b * in_plane, (3, 1))

    # Tangential speed and place bend towards bounds; then the tangential velocity is taken to the Galaxy's rest frame.
    bent = moving / ops.sqrt(ops.matmul(moving * moving, _BENDING) + 1.0)
    v_l, v_b, place = ops.split(bent, (1, 1, 3))
    motion = (v_l + sun_longitude) * longitude + (v_b + sun_latitude) * latitude

    # A population's log-likelihood of motion + r along is a parabola in r: its maximum is the conditional mean of the
    # line-of-sight velocity, and its height there says how odd the motion is (Mahalanobis).
    squares = ops.concat([motion, along, motion]) * ops.concat([along, along, motion])
    terms = ops.concat([along, motion, squares, sun_along])
    parabola = ops.matmul(terms, _PARABOLA) + _PARABOLA_CONSTANT
    pull, curvature, misfit, mean, seen_mean = ops.split(parabola, (_P,) * 5)
    likeliest = pull / curvature
    conditional = seen_mean + present * (likeliest - mean)
    oddness = ops.sqrt(ops.clip(misfit - pull * likeliest, 0.0, ODDEST))
    return Kinematics(
        parameters=ops.concat([spectrum, place, absent, present * ops.concat([oddness, motion])]),
        basis=ops.concat([directions, conditional]),
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


def _parabola() -> tuple[Array, Array]:
    """[16, 5 P] and [1, 5 P]: from the components of (along, motion, motion x along, along^2, motion^2) and the Sun's
    velocity along the line of sight to each population's pull, curvature, misfit, mean and mean as seen from the Sun."""
    mean = np.array([mean for mean, _ in POPULATIONS.values()]).T
    weight = np.array([dispersion for _, dispersion in POPULATIONS.values()]).T ** -2.0
    none, sun = np.zeros((3, _P)), np.zeros((1, 5 * _P))
    sun[0, -_P:] = -1.0
    rows = (
        [weight * mean, none, none, mean, mean],
        [none, none, -2.0 * weight * mean, none, none],
        [-weight, none, none, none, none],
        [none, weight, none, none, none],
        [none, none, weight, none, none],
    )
    constant = np.zeros((1, 5 * _P))
    constant[0, _P : 2 * _P] = _POLE  # where there is no direction at all
    constant[0, 2 * _P : 3 * _P] = (weight * mean**2).sum(axis=0)
    return np.concatenate([np.concatenate([np.concatenate(row, axis=1) for row in rows]), sun]), constant


def _arranged() -> tuple[Array, tuple[int, ...]]:
    """[F, sum of widths] and the widths: what `kinematics` takes of the features, each part a linear combination."""
    n = {axis: _columns((axis,))[:, 0] for axis in ("nx", "ny", "nz", "rotation", "radial")}
    zero = np.zeros(len(FEATURE_NAMES))
    u, v, w = SUN
    sun_longitude = v * n["nx"] - u * n["ny"]
    sun_in_plane = u * n["nx"] + v * n["ny"]
    parts = (
        [zero, n["nx"], n["ny"], n["nz"], n["rotation"], n["radial"]],  # the constant makes the first 1
        [n["rotation"], -n["radial"], zero, sun_longitude, n["nz"]],
        [n["radial"], n["rotation"], zero, sun_in_plane],
        [n["radial"], n["rotation"], n["nz"]],
        [sun_in_plane + w * n["nz"]],
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


_POLE: Final = 1e-12
_TYPICAL: Final = _typical()
_FALLBACK: Final = _fallback()
_ARRANGED, _WIDTHS = _arranged()
_ARRANGED_CONSTANT: Final = np.eye(1, sum(_WIDTHS))
_BENDING: Final = _bending()
_IN_PLANE: Final = np.array([[1.0], [1.0], [1.0], [0.0]])
_UPWARD: Final = np.array([[0.0, 0.0, 1.0, SUN[2]]])
_PARABOLA, _PARABOLA_CONSTANT = _parabola()
