"""The Galaxy's three components near the Sun: where their stars are, how metal-rich, how they move."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from astroscale_shared.stars.geometry import SUN_RADIUS_KPC
from numpy.typing import NDArray

CIRCULAR_VELOCITY_KMS: Final = 229.0
"""Circular velocity at the Sun (Eilers et al. 2019, ApJ 871, 120)."""

SUN_PECULIAR_KMS: Final = np.array([11.1, 12.24, 7.25])
"""The Sun's motion against the local standard of rest: U inwards, V along rotation, W north
(Schoenrich, Binney & Dehnen 2010, MNRAS 403, 1829)."""


@dataclass(frozen=True, slots=True)
class Component:
    """One component. Velocities in km/s; the lag is behind the circular velocity."""

    name: str
    fe_h_mean: float
    fe_h_spread: float
    lag: float
    dispersion: tuple[float, float, float]
    """Radial, along rotation, vertical."""


THIN: Final = Component("thin disc", -0.12, 0.20, 15.0, (35.0, 20.0, 16.0))
THICK: Final = Component("thick disc", -0.78, 0.30, 46.0, (67.0, 38.0, 35.0))
HALO: Final = Component("halo", -1.78, 0.50, 220.0, (160.0, 90.0, 90.0))
COMPONENTS: Final = (THIN, THICK, HALO)
"""Lags and dispersions: Bensby, Feltzing & Lundstroem 2003, A&A 410, 527, table 1. Metallicities of thick disc and halo:
Robin et al. 2003, A&A 409, 523, table 3; that of the thin disc is their age groups' mean, roughly."""


def densities(radius: NDArray[np.float64], height: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [3, N]: densities of `COMPONENTS` at radius and height (kpc, float64 [N]); the thin disc's at the Sun is 1.

    Juric et al. 2008, ApJ 673, 864, table 10: scale lengths 2.6 and 3.6 kpc, scale heights 0.3 and 0.9 kpc, thick disc
    0.12 and halo 0.0051 of the thin disc at the Sun, halo flattened by 0.64 with power -2.77.
    """
    above = np.abs(height)
    thin = np.exp(-(radius - SUN_RADIUS_KPC) / 2.6 - above / 0.3)
    thick = 0.12 * np.exp(-(radius - SUN_RADIUS_KPC) / 3.6 - above / 0.9)
    spheroid = np.sqrt(radius**2 + (height / 0.64) ** 2)
    halo = 0.0051 * (SUN_RADIUS_KPC / np.maximum(spheroid, 0.5)) ** 2.77
    return np.stack([thin, thick, halo])
