"""Observations in columns, and their validation: who may pass and why another may not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from astroscale_shared.stars.columns import NUMERIC, REQUIRED, Column

_FEW: Final = 1024
_LEAST: Final = np.array([[np.nextafter(c.low, np.inf) if c.low_open else c.low] for c in NUMERIC])
_MOST: Final = np.array([[np.nextafter(c.high, -np.inf) if c.high_open else c.high] for c in NUMERIC])
_MAY_MISS: Final = np.array([[c.name not in REQUIRED] for c in NUMERIC])


@dataclass(frozen=True, slots=True)
class Observations:
    """N stars in columns.

    numeric: name -> float64 [N], NaN where a value is missing; one entry for each of `columns.NUMERIC`.
    source_id, survey: object [N] of str, or None where missing.
    """

    numeric: Mapping[str, NDArray[np.float64]]
    source_id: NDArray[np.object_]
    survey: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.source_id)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Observations":
        """The stars of these rows: int [M] positions or bool [N]."""
        return Observations({k: v[rows] for k, v in self.numeric.items()}, self.source_id[rows], self.survey[rows])


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one row was refused."""

    row: int
    code: str
    field: str
    value: str
    allowed: str

    @property
    def detail(self) -> str:
        """One sentence that names field, value and what is allowed."""
        if self.code == "missing_required":
            return f"{self.field} is missing; it is required, allowed is {self.allowed}"
        return f"{self.field} is {self.value}; allowed is {self.allowed}"


def from_columns(
    columns: Mapping[str, NDArray[np.float64]],
    *,
    source_id: NDArray[np.object_] | None = None,
    survey: NDArray[np.object_] | None = None,
) -> Observations:
    """Observations from the columns that are there (float64 [N] each); the others are missing everywhere.

    Raises ValueError where columns differ in length or there is none.
    """
    lengths = {len(c) for c in columns.values()} | {len(c) for c in (source_id, survey) if c is not None}
    if len(lengths) != 1:
        raise ValueError(f"columns of one length are needed, these have {sorted(lengths)} rows")
    n = lengths.pop()
    missing = np.full(n, np.nan)
    none = np.full(n, None, dtype=np.object_)
    return Observations(
        {c.name: np.asarray(columns.get(c.name, missing), dtype=np.float64) for c in NUMERIC},
        none if source_id is None else source_id,
        none if survey is None else survey,
    )


def join(parts: Sequence[Observations]) -> Observations:
    """The stars of all parts, in order; at least one part is needed."""
    if len(parts) == 1:
        return parts[0]
    return Observations(
        {c.name: np.concatenate([p.numeric[c.name] for p in parts]) for c in NUMERIC},
        np.concatenate([p.source_id for p in parts]),
        np.concatenate([p.survey for p in parts]),
    )


def outside(column: Column, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """bool [N]: where a value is there and not allowed (infinite or out of the allowed range)."""
    low = values <= column.low if column.low_open else values < column.low
    high = values >= column.high if column.high_open else values > column.high
    return low | high


def _all_pass(stars: Observations) -> bool:
    """The usual verdict on a few stars in a few numpy calls: for a lone request, their number is what counts."""
    values = np.array([stars.numeric[column.name] for column in NUMERIC])
    return bool((((values >= _LEAST) & (values <= _MOST)) | (np.isnan(values) & _MAY_MISS)).all())


def validate(stars: Observations) -> tuple[NDArray[np.bool_], list[Rejection]]:
    """Which stars may pass.

    Returns bool [N] (True = passes) and one Rejection for each row that does not, naming its first offending field.
    A missing value (NaN) is no offence except in ra and dec.
    """
    n = len(stars)
    good = np.ones(n, dtype=np.bool_)
    rejections: list[Rejection] = []
    if n <= _FEW and _all_pass(stars):
        return good, rejections
    for column in NUMERIC:
        values = stars.numeric[column.name]
        absent = np.isnan(values) if column.name in REQUIRED else np.zeros(n, dtype=np.bool_)
        bad = (outside(column, values) | absent) & good
        if not bad.any():
            continue
        for row in np.flatnonzero(bad):
            code = "missing_required" if absent[row] else "out_of_range"
            if not absent[row] and not np.isfinite(values[row]):
                code = "not_finite"
            rejections.append(Rejection(int(row), code, column.name, f"{values[row]:.17g}", column.allowed))
            good[row] = False
    rejections.sort(key=lambda r: r.row)
    return good, rejections
