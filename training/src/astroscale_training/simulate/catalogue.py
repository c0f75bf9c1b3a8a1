"""Draws stars from the components, observes them with noise, and writes them as a table."""

import csv
from pathlib import Path
from typing import Final

import numpy as np
from astroscale_shared.stars.geometry import (
    GALACTIC_FROM_ICRS,
    KMS_PER_KPC_MASYR,
    SUN_HEIGHT_KPC,
    SUN_RADIUS_KPC,
)
from numpy.typing import NDArray

from astroscale_training.simulate.components import CIRCULAR_VELOCITY_KMS, COMPONENTS, SUN_PECULIAR_KMS, densities

SURVEY: Final = "simulated"

DECIMALS: Final = {
    "ra": 5,
    "dec": 5,
    "teff": 0,
    "logg": 2,
    "fe_h": 2,
    "snr": 0,
    "parallax": 3,
    "pmra": 2,
    "pmdec": 2,
    "rv_kms": 1,
}
"""Columns of the catalogue and their decimals, which say less than the noise."""

_OVERSAMPLE = 40
_FARTHEST_KPC = 8.0

Columns = dict[str, NDArray[np.float64]]


def simulate(rows: int, seed: int) -> Columns:
    """Columns of `DECIMALS` for this many stars, float64 [rows], NaN where nothing was measured.

    Same rows and seed, same stars.
    """
    rng = np.random.default_rng(seed)
    giant, position, component = _places(rng, rows)
    direction = position / np.linalg.norm(position, axis=1, keepdims=True)
    distance = np.linalg.norm(position, axis=1)
    velocity = _velocities(rng, position, component)
    icrs = direction @ GALACTIC_FROM_ICRS
    ra, dec = np.arctan2(icrs[:, 1], icrs[:, 0]), np.arcsin(icrs[:, 2])
    east = np.column_stack([-np.sin(ra), np.cos(ra), np.zeros(rows)]) @ GALACTIC_FROM_ICRS.T
    north = np.cross(direction, east)
    per_mas = KMS_PER_KPC_MASYR * distance
    stars: Columns = {
        "ra": np.rad2deg(ra) % 360.0,
        "dec": np.rad2deg(dec),
        **_atmospheres(rng, giant, component),
        "snr": np.exp(rng.normal(4.6, 0.6, rows)),
        "parallax": 1.0 / distance + rng.normal(0.0, 0.04, rows),
        "pmra": np.sum(velocity * east, axis=1) / per_mas + rng.normal(0.0, 0.05, rows),
        "pmdec": np.sum(velocity * north, axis=1) / per_mas + rng.normal(0.0, 0.05, rows),
        "rv_kms": np.sum(velocity * direction, axis=1) + rng.normal(0.0, 1.0, rows),
    }
    _forget(rng, stars, rows)
    rounded = {name: np.round(stars[name], decimals) + 0.0 for name, decimals in DECIMALS.items()}
    rounded["ra"] %= 360.0
    return rounded


def write_csv(stars: Columns, path: Path) -> None:
    """Write the catalogue with the columns of the real tables; an empty field is a missing value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = len(next(iter(stars.values())))
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["source_id", *DECIMALS, "survey"])
        for row in range(rows):
            values = [_text(stars[name][row], decimals) for name, decimals in DECIMALS.items()]
            out.writerow([f"SIM{row + 1:06d}", *values, SURVEY])


def _text(value: float, decimals: int) -> str:
    return "" if np.isnan(value) else f"{value:.{decimals}f}"


def _places(rng: np.random.Generator, rows: int) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.intp]]:
    """bool [N] giant, position from the Sun in kpc [N, 3] (Galactic axes), component's index [N].

    Directions are even over the sky and distances are those of a survey to one magnitude: dwarfs are near, giants far.
    Of many such places, those with many stars are taken more often.
    """
    many = rows * _OVERSAMPLE
    giant = rng.random(many) < 0.45
    distance = np.minimum(rng.gamma(3.0, np.where(giant, 0.7, 0.12)), _FARTHEST_KPC)
    towards = rng.normal(size=(many, 3))
    position = distance[:, None] * towards / np.linalg.norm(towards, axis=1, keepdims=True)
    radius = np.hypot(position[:, 0] - SUN_RADIUS_KPC, position[:, 1])
    density = densities(radius, position[:, 2] + SUN_HEIGHT_KPC)
    # The inner disc would swamp the sample: real surveys do not see through its dust.
    weight = np.minimum(density.sum(axis=0), 2.0)
    chosen = rng.choice(many, size=rows, replace=False, p=weight / weight.sum())
    share = np.cumsum(density[:, chosen], axis=0) / density[:, chosen].sum(axis=0)
    component = np.sum(rng.random(rows) > share[:-1], axis=0)
    return giant[chosen], position[chosen], component


def _velocities(
    rng: np.random.Generator, position: NDArray[np.float64], component: NDArray[np.intp]
) -> NDArray[np.float64]:
    """float64 [N, 3]: velocity against the Sun in km/s, Galactic axes."""
    spread = np.array([c.dispersion for c in COMPONENTS])[component]
    lag = np.array([c.lag for c in COMPONENTS])[component]
    own = rng.normal(size=spread.shape) * spread
    x, y = position[:, 0] - SUN_RADIUS_KPC, position[:, 1]
    radius = np.maximum(np.hypot(x, y), 1e-3)
    rotation = CIRCULAR_VELOCITY_KMS - lag + own[:, 1]
    # Outwards is (x, y)/R; rotation, seen from the north, is clockwise: (y, -x)/R.
    velocity = np.column_stack(
        [(own[:, 0] * x + rotation * y) / radius, (own[:, 0] * y - rotation * x) / radius, own[:, 2]]
    )
    return velocity - (SUN_PECULIAR_KMS + np.array([0.0, CIRCULAR_VELOCITY_KMS, 0.0]))


def _atmospheres(rng: np.random.Generator, giant: NDArray[np.bool_], component: NDArray[np.intp]) -> Columns:
    """teff (K), logg (dex), fe_h (dex), float64 [N] each: a main sequence and a giant branch with a red clump.

    The slopes are eye measures of such diagrams, not an isochrone: the catalogue is for streaming, not for science.
    """
    n = len(giant)
    fe_h = np.array([c.fe_h_mean for c in COMPONENTS])[component]
    fe_h = fe_h + rng.normal(size=n) * np.array([c.fe_h_spread for c in COMPONENTS])[component]
    clump = rng.random(n) < 0.4
    giant_logg = np.where(clump, rng.normal(2.45, 0.08, n), 3.4 - rng.gamma(2.0, 0.5, n).clip(0.0, 3.0))
    giant_teff = 4_700.0 + 420.0 * (giant_logg - 2.4) - 280.0 * fe_h.clip(-2.5, 0.5)
    hottest = np.array([7_200.0, 6_200.0, 6_400.0])[component]
    dwarf_teff = np.minimum(rng.normal(5_700.0, 650.0, n).clip(3_900.0), hottest)
    dwarf_logg = 4.62 - 0.32 * ((dwarf_teff - 4_500.0) / 1_500.0).clip(0.0) + rng.normal(0.0, 0.05, n)
    return {
        "teff": np.where(giant, giant_teff, dwarf_teff) + rng.normal(0.0, 80.0, n),
        "logg": np.where(giant, giant_logg, dwarf_logg) + rng.normal(0.0, 0.08, n),
        "fe_h": fe_h + rng.normal(0.0, 0.08, n),
    }


def _forget(rng: np.random.Generator, stars: Columns, rows: int) -> None:
    """Leave out what such catalogues lack: the signal to noise, the whole spectrum, the parallax, the proper motion."""
    for names, share in (
        (("snr",), 0.10),
        (("teff", "logg", "fe_h", "snr"), 0.06),
        (("parallax",), 0.03),
        (("pmra", "pmdec"), 0.15),
    ):
        absent = rng.random(rows) < share
        for name in names:
            stars[name][absent] = np.nan
