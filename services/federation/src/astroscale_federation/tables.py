"""An archive's own table: CSV or Parquet, columns by name. pyarrow is behind this module."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import NUMERIC
from astroscale_shared.stars.observations import Observations, from_columns, validate

_NUMBERS = tuple(column.name for column in NUMERIC)
_NEEDED = ("ra", "dec", "rv_kms")


def read(path: Path, surveys: Sequence[str] = ()) -> tuple[Observations, int]:
    """The stars of a table that are valid and have a measured velocity, and how many rows were left out.

    `surveys` are names or patterns (`APOGEE*`) of the column survey; none means all. Raises AstroScaleError
    `no_table`, `bad_table`.
    """
    table = _load(path)
    if surveys:
        table = _of_surveys(table, surveys, path)
    stars = from_columns(
        {name: _numbers(table, name, path) for name in _NUMBERS if name in table.column_names},
        source_id=_text(table, "source_id"),
        survey=_text(table, "survey"),
    )
    good, _ = validate(stars)
    good &= ~np.isnan(stars.numeric["rv_kms"])
    return stars.take(good), int((~good).sum())


def _load(path: Path) -> pa.Table:
    if not path.is_file():
        raise AstroScaleError("no_table", f"there is no table {path}")
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            names = pq.read_schema(path).names
            table = pq.read_table(path, columns=[name for name in names if _wanted(name)])
        else:
            convert = pa_csv.ConvertOptions(
                column_types=dict.fromkeys(_NUMBERS, pa.float64())
                | dict.fromkeys(("source_id", "survey"), pa.string()),
                strings_can_be_null=True,
            )
            table = pa_csv.read_csv(path, convert_options=convert)
            table = table.select([name for name in table.column_names if _wanted(name)])
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise AstroScaleError("bad_table", f"{path.name}: {error}") from error
    missing = [name for name in _NEEDED if name not in table.column_names]
    if missing:
        raise AstroScaleError("bad_table", f"{path.name} has no column {', '.join(missing)}")
    return table


def _wanted(name: str) -> bool:
    return name in _NUMBERS or name in ("source_id", "survey")


def _of_surveys(table: pa.Table, surveys: Sequence[str], path: Path) -> pa.Table:
    if "survey" not in table.column_names:
        raise AstroScaleError("bad_table", f"{path.name} has no column survey to choose {', '.join(surveys)} from")
    names = _text(table, "survey")
    assert names is not None  # noqa: S101 - the column is there
    keep = [name is not None and any(fnmatchcase(name, pattern) for pattern in surveys) for name in names]
    if not any(keep):
        there = ", ".join(sorted({str(name) for name in names}))
        raise AstroScaleError("bad_table", f"{path.name} has no survey {', '.join(surveys)}; it has {there}")
    return table.filter(pa.array(keep))


def _numbers(table: pa.Table, name: str, path: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        column: Any = pc.cast(table[name], pa.float64())
    except pa.ArrowException as error:
        raise AstroScaleError("bad_table", f"{path.name}, column {name}: {error}") from error
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _text(table: pa.Table, name: str) -> np.ndarray[Any, np.dtype[np.object_]] | None:
    if name not in table.column_names:
        return None
    return np.array(pc.cast(table[name], pa.string()).to_pylist(), dtype=np.object_)
