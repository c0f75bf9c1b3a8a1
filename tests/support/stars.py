"""Builders of stars and of the Kafka records that carry them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astroscale_shared.stars.columns import NUMERIC
from astroscale_shared.stars.observations import Observations, from_columns

SUN_LIKE: dict[str, float] = {
    "ra": 200.12,
    "dec": -47.33,
    "teff": 5800.0,
    "logg": 4.3,
    "fe_h": 0.0,
    "snr": 100.0,
    "parallax": 7.2,
}


@dataclass(frozen=True)
class Record:
    """A consumed Kafka record, as far as handlers look at it."""

    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    offset: int = 0
    partition: int = 0
    topic: str = "astro.observations.raw.v1"
    key: bytes | None = None
    timestamp: int = 1_700_000_000_000


def one(**changed: float) -> Observations:
    """One star, Sun-like but for what is changed."""
    return from_columns({name: np.array([value]) for name, value in (SUN_LIKE | changed).items()})


def random_stars(n: int, seed: int = 1, *, missing: float = 0.2) -> Observations:
    """n stars that all pass validation; a share of what may be missing is."""
    rng = np.random.default_rng(seed)
    low_high = {
        "ra": (0.0, 359.999),
        "dec": (-90.0, 90.0),
        "teff": (3_000.0, 9_000.0),
        "logg": (0.0, 5.0),
        "fe_h": (-3.0, 0.5),
        "snr": (1.0, 900.0),
        "parallax": (-0.5, 40.0),
        "pmra": (-300.0, 300.0),
        "pmdec": (-300.0, 300.0),
        "rv_kms": (-300.0, 300.0),
    }
    columns = {column.name: rng.uniform(*low_high[column.name], n) for column in NUMERIC}
    for name in low_high.keys() - {"ra", "dec"}:
        columns[name][rng.random(n) < missing] = np.nan
    ids = np.array([f"star-{i}" for i in range(n)], dtype=np.object_)
    return from_columns(columns, source_id=ids)
