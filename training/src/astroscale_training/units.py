"""Units of a file's columns, converted to those of `astroscale_shared.stars.columns` by astropy."""

import importlib.util
import warnings
from typing import Any, Final

import numpy as np
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import BY_NAME, Column
from numpy.typing import NDArray

from astroscale_training.faults import bad_data

_EXAMPLES: Final = {
    "deg": "deg, rad, hourangle",
    "K": "K",
    "mas": "mas, arcsec, deg",
    "mas/yr": "mas/yr, arcsec/yr, deg/yr",
    "km/s": "km/s, m/s",
    "-": "none",
}
_NO_UNIT: Final = frozenset({"", "-", "1", "none"})
_SPELLINGS: Final = {"log(cm.s**-2)": "dex(cm/s2)", "[cm/s2]": "dex(cm/s2)", "degrees": "deg", "hours": "h"}
"""As VizieR and Gaia's archive write what astropy calls otherwise."""


def convert(
    file: str, name: str, values: NDArray[np.float64], unit: str | None
) -> tuple[NDArray[np.float64], str | None]:
    """Values float64 [N] of a column in our unit, and a sentence where they were changed.

    No unit means ours. AstroScaleError `bad_training_data` where the unit is unknown or of another kind;
    `not_installed` where astropy is needed and absent.
    """
    column = BY_NAME[name]
    if unit is None or unit.strip().lower() in _NO_UNIT or unit.strip() == column.unit:
        return values, None
    if importlib.util.find_spec("astropy") is None:
        raise AstroScaleError(
            "not_installed",
            f"{file}: {name} is in {unit}, not in {column.unit}; to convert it install astropy: "
            "pip install 'astroscale[astropy]'",
        )
    converted = _by_astropy(file, column, values, unit.strip())
    return converted, None if np.array_equal(converted, values, equal_nan=True) else _changed(file, column, unit)


def _astropy_units() -> Any:
    from astropy import units

    return units


def _by_astropy(file: str, column: Column, values: NDArray[np.float64], unit: str) -> NDArray[np.float64]:
    u = _astropy_units()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a unit that is only deprecated, or spelt after another standard
        found = u.Unit(_SPELLINGS.get(unit, unit), parse_strict="silent")
    if column.unit == "dex":
        return _dex(file, column, values, unit, found)
    if found == u.h and column.unit == "deg":
        found = u.hourangle  # archives write h for the angle
    ours = u.dimensionless_unscaled if column.unit == "-" else u.Unit(column.unit)
    try:
        return np.asarray(found.to(ours, values), dtype=np.float64)
    except (u.UnitConversionError, u.UnitTypeError, TypeError, ValueError) as error:
        raise _wrong(file, column, unit) from error


def _dex(file: str, column: Column, values: NDArray[np.float64], unit: str, found: Any) -> NDArray[np.float64]:
    """Logarithms: plain dex, or for the gravity dex of an acceleration."""
    u = _astropy_units()
    if found in (u.dex, u.dimensionless_unscaled):
        return values
    if column.name == "logg" and isinstance(found, u.DexUnit):
        try:
            return np.asarray(found.to(u.DexUnit(u.cm / u.s**2), values), dtype=np.float64)
        except u.UnitConversionError as error:
            raise _wrong(file, column, unit) from error
    raise _wrong(file, column, unit)


def _allowed(column: Column) -> str:
    if column.unit == "dex":
        return "dex, dex(cm/s2), dex(m/s2)" if column.name == "logg" else "dex"
    return _EXAMPLES[column.unit]


def _wrong(file: str, column: Column, unit: str) -> AstroScaleError:
    allowed = f"{_allowed(column)}, or no unit ({column.unit} is meant then)"
    return bad_data(f"{file}: {column.name} has the unit {unit}; allowed is {allowed}", column.name, unit, allowed)


def _changed(file: str, column: Column, unit: str) -> str:
    return f"{file}: {column.name} was converted from {unit} to {column.unit}"
