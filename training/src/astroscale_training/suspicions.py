"""Columns whose numbers look like another unit, or like another quantity: a fit would learn from them without a word.

A table's numbers as a whole are looked at, before any row is left out: single values are the business of the ranges.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from astroscale_shared.stars.columns import BY_NAME
from numpy.typing import NDArray

from astroscale_training.faults import bad_data
from astroscale_training.tables import Table

CODE: Final = "suspicious_units"
_FEWEST: Final = 50
"""Values below which nothing is said: a handful of stars may well be odd."""

_FEWEST_POSITIONS: Final = 500
"""A few hundred stars may lie in one field, where right ascension happens to be small."""

Floats = NDArray[np.float64]
Given = Callable[[str], Floats]


@dataclass(frozen=True, slots=True)
class _Suspicion:
    """looks: bool of the values of a column (float64 [M], none missing) and of the function that gives the others'."""

    column: str
    looks: Callable[[Floats, Given], bool]
    like: str
    figure: Callable[[Floats], str]
    fewest: int = _FEWEST


def _median(values: Floats) -> str:
    return f"its median is {np.median(values):.4g}"


def _size(values: Floats) -> str:
    return f"the median of its sizes is {np.median(np.abs(values)):.4g}"


def _largest(values: Floats) -> str:
    return f"its largest size is {np.abs(values).max():.4g}"


def _radians(ra: Floats, given: Given) -> bool:
    dec = given("dec")
    return bool(dec.size and ra.min() >= 0.0 and ra.max() <= 2 * np.pi and np.abs(dec).max() <= np.pi / 2)


def _slow(values: Floats, _: Given) -> bool:
    return bool(np.median(np.abs(values)) < 0.1)


_SUSPICIONS: Final = (
    _Suspicion("ra", _radians, "radians", _largest, _FEWEST_POSITIONS),
    _Suspicion("ra", lambda ra, _: bool(ra.min() >= 0.0 and ra.max() < 24.0), "hours", _largest, _FEWEST_POSITIONS),
    _Suspicion(
        "teff",
        lambda teff, given: bool(np.median(teff) < 100.0 and given("logg").size and np.median(given("logg")) > 100.0),
        "the surface gravity, and logg like the temperature",
        _median,
    ),
    _Suspicion("teff", lambda teff, _: bool(np.median(teff) < 100.0), "the logarithm of a temperature", _median),
    _Suspicion("logg", lambda logg, _: bool(np.median(logg) > 100.0), "a gravity and not its logarithm", _median),
    _Suspicion("parallax", lambda plx, _: bool(plx.min() > 0.0 and np.median(plx) < 0.02), "arcseconds", _median),
    _Suspicion("pmra", _slow, "arcseconds a year", _size),
    _Suspicion("pmdec", _slow, "arcseconds a year", _size),
    _Suspicion("rv_kms", lambda v, _: bool(np.median(np.abs(v)) > 1_000.0), "metres a second", _size),
    _Suspicion(
        "rv_kms", lambda v, _: bool(np.ptp(v) > 0.0 and np.abs(v).max() < 0.02), "a redshift, not a velocity", _largest
    ),
)


def require_plausible(table: Table) -> None:
    """AstroScaleError `suspicious_units` names table, column and what its numbers look like."""

    def given(name: str) -> Floats:
        values = table.stars.numeric[name]
        return values[np.isfinite(values)]

    for one in _SUSPICIONS:
        values = given(one.column)
        if values.size < one.fewest or not one.looks(values, given):
            continue
        unit = BY_NAME[one.column].unit
        allowed = f"values in {unit}"
        raise bad_data(
            f"{table.file.file}: {one.column} looks like {one.like}: {one.figure(values)}, and {unit} is meant. "
            "Convert it, give the column its unit in a format that has units, or say --trust-units",
            one.column,
            one.figure(values),
            allowed,
            code=CODE,
        )
