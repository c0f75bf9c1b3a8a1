"""Files of star tables -> columns as the file has them: CSV, Parquet, and by astropy FITS, ECSV and VOTable."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from astroscale_shared.stars import astropy_files
from pyarrow import csv, parquet

from astroscale_training.faults import bad_data

SUFFIXES: Final = (".csv", ".parquet", *astropy_files.FORMATS)
"""Those of the command `predict`."""

_UNIT: Final = b"unit"


@dataclass(frozen=True, slots=True)
class Columns:
    """names: of all columns. arrays: those that were asked for and are there. units: where the file has them."""

    names: list[str]
    arrays: dict[str, pa.Array]
    units: dict[str, str]


def read_columns(path: Path, data: bytes, wanted: Collection[str]) -> Columns:
    """Columns of a file's bytes; missing values are null.

    AstroScaleError `bad_training_data` (no such format, not readable, a column twice) or `not_installed`.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        allowed = ", ".join(SUFFIXES)
        raise bad_data(f"{path.name} is no table that is read here; allowed is {allowed}", "file", suffix, allowed)
    try:
        if suffix == ".csv":
            columns = _read_csv(data, wanted)
        elif suffix == ".parquet":
            columns = _of_arrow(parquet.read_table(pa.BufferReader(data)), wanted)
        else:
            columns = _read_astropy(data, suffix, wanted)
    except (pa.ArrowException, OSError, UnicodeError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:200]
        message = f"{path.name} cannot be read as {suffix[1:]}: {said}"
        raise bad_data(message, "file", path.name, f"a table in {suffix[1:]}") from error
    twice = sorted({name for name in columns.names if columns.names.count(name) > 1})
    if twice:
        raise bad_data(f"{path.name} has the column {twice[0]} more than once", twice[0], "twice", "once")
    return columns


def _read_csv(data: bytes, wanted: Collection[str]) -> Columns:
    # As text, so that a value that is no number can be named with its row.
    options = csv.ConvertOptions(
        column_types=dict.fromkeys(wanted, pa.string()), null_values=[""], strings_can_be_null=True
    )
    return _of_arrow(csv.read_csv(pa.BufferReader(data), convert_options=options), wanted)


def _of_arrow(table: pa.Table, wanted: Collection[str]) -> Columns:
    names = list(table.column_names)
    here = [i for i, name in enumerate(names) if name in wanted]
    units = {names[i]: (table.schema.field(i).metadata or {}).get(_UNIT, b"").decode() for i in here}
    arrays = {names[i]: _one_chunk(table.column(i)) for i in here}
    return Columns(names, arrays, {name: unit for name, unit in units.items() if unit})


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], type=column.type)


def _read_astropy(data: bytes, suffix: str, wanted: Collection[str]) -> Columns:
    astropy_files.require_astropy(suffix)
    table = astropy_files.read(data, astropy_files.FORMATS[suffix])
    here = [str(name) for name in table.colnames if name in wanted]
    units = {name: str(unit) for name in here if (unit := getattr(table[name], "unit", None)) is not None}
    return Columns([str(name) for name in table.colnames], {name: _array(table[name]) for name in here}, units)


def _array(column: Any) -> pa.Array:
    mask: Any = np.asarray(getattr(column, "mask", False))
    # A quantity's numbers are in `value`; a masked column's under its mask in `data`.
    values = np.asarray(getattr(column, "value", column))
    if values.dtype.kind in "biuf" and values.ndim == 1:
        native = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("=")))
        return pa.array(native, mask=mask if mask.any() else None)
    texts = [str(value).strip() for value in values.tolist()]
    gone = mask.all(axis=tuple(range(1, mask.ndim))) if mask.ndim else np.full(len(values), mask)
    known = [text if text and not gone[row] else None for row, text in enumerate(texts)]
    return pa.array(known, pa.string())
