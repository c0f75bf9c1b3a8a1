"""Star tables in files: CSV and Parquet, read and written whole. The client's adapter of pyarrow for files."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import INPUTS, REQUIRED

from astroscale_client.prediction import QUANTILES, Prediction

FORMATS: Final = (".csv", ".parquet")
_NULLS: Final = ["", "NaN", "nan", "null", "NULL", "None", "NA", "N/A", "--"]

ADDED: Final = (
    "radial_velocity_kms",
    "predicted_z",
    *QUANTILES,
    "flags",
    "model_name",
    "model_version",
    "error",
)


def read(path: Path) -> pa.Table:
    """The whole table; text of a CSV stays text, so that nothing changes on its way through.

    AstroScaleError `bad_table`: not there, not readable, empty, or without ra and dec.
    """
    try:
        table = pq.read_table(path) if _format(path) == ".parquet" else _read_csv(path)
    except FileNotFoundError as error:
        raise AstroScaleError("bad_table", f"{path} does not exist") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise AstroScaleError("bad_table", f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    names: list[str] = table.column_names
    missing = sorted(REQUIRED - set(names), reverse=True)
    if missing:
        raise AstroScaleError(
            "bad_table", f"{path} has no column {' or '.join(missing)}; its columns are {', '.join(names[:20])}"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise AstroScaleError("bad_table", f"{path} has column {twice[0]} more than once")
    return table


def stars(table: pa.Table) -> list[dict[str, Any]]:
    """The inputs of each row; what is no number stays text, for the gateway to name."""
    there = [column.name for column in INPUTS if column.name in table.column_names]
    columns = [_numbers(table.column(name)) for name in there]
    return [dict(zip(there, row, strict=True)) for row in zip(*columns, strict=True)]


def with_results(table: pa.Table, results: Sequence[Prediction | AstroScaleError]) -> pa.Table:
    """The table and the predictions beside it; where a row was refused, only `error` is filled.

    An input column that has the name of one of ours is kept as `<name>_input`.
    """
    table = table.rename_columns([f"{name}_input" if name in ADDED else name for name in table.column_names])
    good = [result if isinstance(result, Prediction) else None for result in results]
    values: dict[str, list[Any]] = {
        "radial_velocity_kms": [p and p.radial_velocity_kms for p in good],
        "predicted_z": [p and p.predicted_z for p in good],
        **{q: [p and p.quantiles_kms[q] for p in good] for q in QUANTILES},
        "flags": [p and ";".join(p.flags) for p in good],
        "model_name": [p and p.model.name for p in good],
        "model_version": [p and p.model.version for p in good],
        "error": [None if isinstance(r, Prediction) else r.message for r in results],
    }
    for name in ADDED:
        number = name not in ("flags", "model_name", "model_version", "error")
        table = table.append_column(name, pa.array(values[name], type=pa.float64() if number else pa.string()))
    return table


def write(table: pa.Table, path: Path) -> None:
    """Write the table whole or not at all; AstroScaleError `bad_table` where it cannot be."""
    part = path.with_name(f".{path.name}.part")
    try:
        if _format(path) == ".parquet":
            pq.write_table(table, part, compression="zstd")
        else:
            # Nulls as empty fields; text is quoted only where it must be.
            pa_csv.write_csv(_flat(table), part, pa_csv.WriteOptions(quoting_style="needed"))
        part.replace(path)
    except (pa.ArrowException, OSError) as error:
        raise AstroScaleError("bad_table", f"{path} cannot be written: {str(error).splitlines()[0]}") from error
    finally:
        part.unlink(missing_ok=True)


def default_output(path: Path) -> Path:
    """`stars.csv` -> `stars.predictions.csv`."""
    return path.with_name(f"{path.stem}.predictions{path.suffix}")


def check_output(source: Path, out: Path) -> None:
    """AstroScaleError `bad_table` where this output would be no use, before any work is done."""
    _format(source)
    _format(out)
    if out.exists() and source.exists() and out.samefile(source):
        raise AstroScaleError("bad_table", "the output would replace the input: give another --out")
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise AstroScaleError("bad_table", f"the folder {out.parent} of the output does not exist or is not writable")


def _format(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise AstroScaleError("bad_table", f"{path} is neither .csv nor .parquet")
    return suffix


def _read_csv(path: Path) -> pa.Table:
    with path.open("rb") as file:
        header = pa_csv.open_csv(file, pa_csv.ReadOptions(block_size=1 << 20)).schema.names
    return pa_csv.read_csv(
        path,
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )


def _numbers(column: pa.ChunkedArray) -> list[Any]:
    """Floats and None; of text that is no number, the text."""
    if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
        try:
            return column.cast(pa.float64()).to_pylist()
        except pa.ArrowException:
            return [value if value is None else str(value) for value in column.to_pylist()]
    text = pc.call_function("utf8_trim_whitespace", [column])
    return [_number(value) for value in text.to_pylist()]


def _number(text: str | None) -> Any:
    if text is None or text in _NULLS:
        return None
    try:
        return float(text)
    except ValueError:
        return text


def _flat(table: pa.Table) -> pa.Table:
    """Columns that CSV cannot hold (lists, structs) as their text."""
    for i, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            text = pa.array([None if v is None else str(v) for v in table.column(i).to_pylist()], type=pa.string())
            table = table.set_column(i, field.name, text)
    return table
