"""Reads star tables: CSV files with the columns of `astroscale_shared.stars.columns`."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from astroscale_shared.registry import DataFile
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import NUMERIC, REQUIRED, RV_KMS, TEXT
from astroscale_shared.stars.observations import Observations, from_columns
from numpy.typing import NDArray
from pyarrow import csv


@dataclass(frozen=True, slots=True)
class Table:
    """One file's stars. clean: bool [N], marks stars with trustworthy parameters, False where the file has no mark."""

    file: DataFile
    stars: Observations
    clean: NDArray[np.bool_]


def read_folder(folder: Path) -> list[Table]:
    """All CSV tables of a folder, by name; AstroScaleError `no_training_data` where there is none."""
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise AstroScaleError(
            "no_training_data",
            f"no star table (*.csv) in {folder}: name the folder with --data, or set data in [training]",
        )
    return [read_table(path) for path in paths]


def read_table(path: Path) -> Table:
    """One table; AstroScaleError `bad_training_data` names the file and what is wrong with it."""
    data = path.read_bytes()
    types = {c.name: pa.float64() for c in NUMERIC} | {name: pa.string() for name in TEXT} | {"clean": pa.float64()}
    options = csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True)
    try:
        table = csv.read_csv(pa.BufferReader(data), convert_options=options)
    except pa.ArrowInvalid as error:
        raise AstroScaleError("bad_training_data", f"{path.name}: {error}") from error
    absent = sorted((REQUIRED | {RV_KMS.name}) - set(table.column_names))
    if absent:
        raise AstroScaleError("bad_training_data", f"{path.name} lacks the column {', '.join(absent)}")
    rows = table.num_rows
    numeric = {c.name: _floats(table, c.name) for c in NUMERIC if c.name in table.column_names}
    text = {name: _strings(table, name, rows) for name in TEXT}
    clean = _floats(table, "clean") == 1.0 if "clean" in table.column_names else np.zeros(rows, dtype=np.bool_)
    file = DataFile(file=path.name, sha256=hashlib.sha256(data).hexdigest(), rows=rows)
    return Table(file, from_columns(numeric, source_id=text["source_id"], survey=text["survey"]), clean)


def _floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    column = table.column(name).combine_chunks()
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _strings(table: pa.Table, name: str, rows: int) -> NDArray[np.object_]:
    if name not in table.column_names:
        return np.full(rows, None, dtype=np.object_)
    return np.array(table.column(name).to_pylist(), dtype=np.object_)
