"""Where a star is in the Galaxy, and how its motion projects on the line of sight.

Axes are Galactic: x towards the Galactic centre, y towards Galactic rotation, z towards the north Galactic pole.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

GALACTIC_FROM_ICRS: Final = np.array(
    [
        [-0.0548755604162154, -0.8734370902348850, -0.4838350155487132],
        [+0.4941094278755837, -0.4448296299600112, +0.7469822444972189],
        [-0.8676661490190047, -0.1980763734312015, +0.4559837761750669],
    ]
)
"""Rotation ICRS -> Galactic (The Hipparcos and Tycho Catalogues, ESA SP-1200, vol. 1, eq. 1.5.11, transposed)."""

SUN_RADIUS_KPC: Final = 8.178
"""Distance Sun to Galactic centre (GRAVITY Collaboration 2019, A&A 625, L10)."""

SUN_HEIGHT_KPC: Final = 0.0208
"""Height of the Sun above the plane (Bennett & Bovy 2019, MNRAS 482, 1417)."""

KMS_PER_KPC_MASYR: Final = 4.740470463533349
"""km/s of one mas/yr at one kpc: the astronomical unit over the Julian year."""

PARALLAX_FLOOR_MAS: Final = 0.05
"""Scale of the soft floor of a parallax before it is inverted, about the noise of a good faint star."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """float64 [N] each; what needs a distance is NaN where the parallax is missing.

    nx, ny, nz: unit vector to the star. distance, radius (to the Galaxy's axis) and height in kpc.
    rotation, radial: projections on the line of sight of a unit velocity along Galactic rotation and outwards.
    """

    nx: NDArray[np.float64]
    ny: NDArray[np.float64]
    nz: NDArray[np.float64]
    distance: NDArray[np.float64]
    radius: NDArray[np.float64]
    height: NDArray[np.float64]
    rotation: NDArray[np.float64]
    radial: NDArray[np.float64]


def distance_kpc(parallax: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance in kpc of a parallax in mas, float64 [N]; NaN stays.

    The inverse of the parallax with a soft floor, so that a noisy or negative parallax means far, not infinite.
    """
    softened = 0.5 * (parallax + np.sqrt(parallax * parallax + 4.0 * PARALLAX_FLOOR_MAS**2))
    # A strongly negative parallax cancels to nearly nothing: 30 kpc is as far as any training star.
    return 1.0 / np.maximum(softened, 1.0 / 30.0)


def geometry(ra: NDArray[np.float64], dec: NDArray[np.float64], parallax: NDArray[np.float64]) -> Geometry:
    """Geometry of stars at ra, dec (deg, ICRS) with parallax (mas, NaN = missing); float64 [N] each."""
    ra_rad, dec_rad = np.deg2rad(ra), np.deg2rad(dec)
    cos_dec = np.cos(dec_rad)
    ex, ey, ez = cos_dec * np.cos(ra_rad), cos_dec * np.sin(ra_rad), np.sin(dec_rad)
    m = GALACTIC_FROM_ICRS
    nx = m[0, 0] * ex + m[0, 1] * ey + m[0, 2] * ez
    ny = m[1, 0] * ex + m[1, 1] * ey + m[1, 2] * ez
    nz = m[2, 0] * ex + m[2, 1] * ey + m[2, 2] * ez
    d = distance_kpc(parallax)
    x, y = d * nx - SUN_RADIUS_KPC, d * ny
    radius = np.maximum(np.sqrt(x * x + y * y), 1e-3)
    return Geometry(
        nx=nx,
        ny=ny,
        nz=nz,
        distance=d,
        radius=radius,
        height=d * nz + SUN_HEIGHT_KPC,
        rotation=(y * nx - x * ny) / radius,
        radial=(x * nx + y * ny) / radius,
    )


def tangential_kms(
    ra: NDArray[np.float64],
    dec: NDArray[np.float64],
    pmra: NDArray[np.float64],
    pmdec: NDArray[np.float64],
    distance: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Velocities along Galactic longitude and latitude (km/s, float64 [N] each).

    ra, dec in deg, pmra (times cos dec) and pmdec in mas/yr, distance in kpc. The proper motion is turned by the angle
    between the two systems' norths, from the position of the north Galactic pole.
    """
    pole_ra, pole_dec = np.deg2rad(192.85948), np.deg2rad(27.12825)
    ra_rad, dec_rad = np.deg2rad(ra), np.deg2rad(dec)
    along = np.sin(pole_dec) * np.cos(dec_rad) - np.cos(pole_dec) * np.sin(dec_rad) * np.cos(ra_rad - pole_ra)
    across = np.cos(pole_dec) * np.sin(ra_rad - pole_ra)
    norm = np.maximum(np.hypot(along, across), 1e-12)
    scale = KMS_PER_KPC_MASYR * distance / norm
    return scale * (along * pmra + across * pmdec), scale * (along * pmdec - across * pmra)
