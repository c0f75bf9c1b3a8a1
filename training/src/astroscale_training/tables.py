"""Reads star tables: files with the columns of `astroscale_shared.stars.columns`."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astroscale_shared.registry import DataFile
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import BY_NAME, NUMERIC, REQUIRED, RV_KMS, TEXT
from astroscale_shared.stars.observations import Observations, from_columns
from numpy.typing import NDArray

from astroscale_training.faults import bad_data
from astroscale_training.readers import read_columns
from astroscale_training.units import convert

CLEAN: Final = "clean"
"""The column that marks stars with trustworthy parameters, and the name of the group of those."""

NEEDED: Final = (*(c.name for c in NUMERIC if c.name in REQUIRED), RV_KMS.name)
_WANTED: Final = frozenset({*(c.name for c in NUMERIC), *TEXT, CLEAN})
_SHOWN: Final = 20
_WHY_APART: Final = {
    "name": "figures are told apart by the file's name without its ending",
    "content": "no star may be learnt from twice",
}


@dataclass(frozen=True, slots=True)
class Table:
    """One file's stars, in our units.

    clean: bool [N], marks stars with trustworthy parameters, False where the file has no mark. notes: what was changed
    while reading, one sentence each.
    """

    file: DataFile
    stars: Observations
    clean: NDArray[np.bool_]
    notes: tuple[str, ...] = ()


def read_folder(folder: Path) -> list[Table]:
    """All CSV tables of a folder, by name; AstroScaleError `no_training_data` where there is none."""
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise AstroScaleError(
            "no_training_data",
            f"no star table (*.csv) in {folder}: name the folder with --data or files with --table, "
            "or set data in [training]",
        )
    return read_tables(paths)


def read_tables(paths: Sequence[Path]) -> list[Table]:
    """These tables; AstroScaleError `bad_training_data` also where two have one name or one content.

    A table's name is the file's without the ending: by that name its figures are told apart.
    """
    tables = [read_table(path) for path in paths]
    for seen, what in (
        ([table_name(t.file.file) for t in tables], "name"),
        ([t.file.sha256 for t in tables], "content"),
    ):
        for number, value in enumerate(seen):
            first = seen.index(value)
            if first != number:
                message = (
                    f"tables {first + 1} ({tables[first].file.file}) and {number + 1} ({tables[number].file.file}) "
                )
                message += f"have the same {what}: {_WHY_APART[what]}"
                raise bad_data(message, "table", tables[number].file.file, f"tables that differ in {what}")
    return tables


def table_name(file: str) -> str:
    """A table's name: its file without the ending."""
    return PurePath(file).stem


def read_table(path: Path) -> Table:
    """One table; AstroScaleError `bad_training_data` names the file and what is wrong with it.

    The survey of a table that has no column of that name is the file's name without its suffix.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AstroScaleError("no_training_data", f"{path} cannot be read: {error.strerror}") from error
    columns = read_columns(path, data, _WANTED)
    _require_columns(path.name, columns.names)
    rows = len(columns.arrays[RV_KMS.name])
    numeric: dict[str, NDArray[np.float64]] = {}
    notes: list[str] = []
    for column in NUMERIC:
        if column.name in columns.arrays:
            values = _floats(path.name, column.name, columns.arrays[column.name])
            numeric[column.name], note = convert(path.name, column.name, values, columns.units.get(column.name))
            notes += [note] if note else []
    clean = np.zeros(rows, dtype=np.bool_)
    if CLEAN in columns.arrays:
        clean = _floats(path.name, CLEAN, columns.arrays[CLEAN]) == 1.0
    survey = _strings(columns.arrays["survey"]) if "survey" in columns.arrays else _filled(path.stem, rows)
    source_id = _strings(columns.arrays["source_id"]) if "source_id" in columns.arrays else _filled(None, rows)
    file = DataFile(file=path.name, sha256=hashlib.sha256(data).hexdigest(), rows=rows)
    return Table(file, from_columns(numeric, source_id=source_id, survey=survey), clean, tuple(notes))


def _require_columns(file: str, names: list[str]) -> None:
    absent = [name for name in NEEDED if name not in names]
    if absent:
        there = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        known = ", ".join(BY_NAME)
        raise bad_data(
            f"{file} lacks the column {', '.join(absent)}; its columns are {there or 'none'}; those that are read are "
            f"{known}, by exactly these names",
            absent[0],
            "absent",
            f"needed are {', '.join(NEEDED)}",
        )


def _floats(file: str, name: str, array: pa.Array) -> NDArray[np.float64]:
    """float64 [N], NaN where null."""
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        trimmed = pc.call_function("utf8_trim_whitespace", [array])
        blank = pc.call_function("equal", [trimmed, pa.scalar("", array.type)])
        array = pc.call_function("if_else", [blank, pa.scalar(None, array.type), trimmed])
    try:
        numbers = pc.cast(array, pa.float64(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        row, value = _first_text(array)
        raise bad_data(
            f"{file}: {name} is {value!r} in row {row + 1}; allowed are numbers, and nothing where one is missing",
            name,
            value,
            "a number",
        ) from None
    return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)


def _first_text(array: pa.Array) -> tuple[int, str]:
    """The first row that is no number, and what is there."""
    for row, value in enumerate(array.to_pylist()):
        try:
            float(value if value is not None else 0)
        except (TypeError, ValueError):
            return row, str(value)[:40]
    return 0, str(array.type)


def _strings(array: pa.Array) -> NDArray[np.object_]:
    texts = [None if value is None else str(value) for value in array.to_pylist()]
    return np.array(texts, dtype=np.object_)


def _filled(value: str | None, rows: int) -> NDArray[np.object_]:
    return np.full(rows, value, dtype=np.object_)
