"""The inputs in rows of any table: numbers, and for each row that has something else the reason why it is refused."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astroscale_shared.stars.columns import INPUTS, REQUIRED, RV_KMS, Column
from astroscale_shared.stars.observations import outside
from numpy.typing import NDArray

_NULLS: Final = ("", "nan", "null", "none", "na", "n/a", "--")
_MAX_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Inputs:
    """Of N rows, those M that may be asked for. rows: int [M], their places. numbers: float64 [M] by name, NaN where
    missing; rv_kms among them where it was measured. refused: by place, why a row is not asked for."""

    size: int
    rows: NDArray[np.intp]
    numbers: Mapping[str, NDArray[np.float64]]
    refused: Mapping[int, str]


def of_table(table: pa.Table) -> Inputs:
    """The inputs of a table's columns of exactly these names.

    A measured velocity that cannot be one counts as none: it gives a tail probability, and must not touch anything else.
    """
    refused: dict[int, list[str]] = {}
    numbers: dict[str, NDArray[np.float64]] = {}
    names = set(table.column_names)
    for column in INPUTS:
        if column.name in names:
            values, texts = _numbers(table.column(column.name))
            numbers[column.name] = values
            for row, text in texts.items():
                refused.setdefault(row, []).append(_no_number(column, text))
    if RV_KMS.name in names:
        values, _ = _numbers(table.column(RV_KMS.name))
        numbers[RV_KMS.name] = np.where(outside(RV_KMS, values), np.nan, values)
    rows = np.array([row for row in range(table.num_rows) if row not in refused] if refused else range(table.num_rows))
    kept = rows.astype(np.intp)
    return Inputs(
        table.num_rows,
        kept,
        {name: values[kept] for name, values in numbers.items()} if refused else numbers,
        {row: "; ".join(reasons) for row, reasons in refused.items()},
    )


def _no_number(column: Column, text: str) -> str:
    allowed = f"a number in {column.allowed}" + ("" if column.name in REQUIRED else " or null")
    return f"{column.name} is {json.dumps(text[:_MAX_SHOWN], ensure_ascii=False)}; allowed is {allowed}"


def _numbers(column: pa.ChunkedArray) -> tuple[NDArray[np.float64], dict[int, str]]:
    """float64 [N], NaN where nothing is, and by row the text that is no number."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        try:
            return _floats(column), {}
        except pa.ArrowException:
            column = pa.chunked_array(
                [pa.array([None if v is None else str(v) for v in column.to_pylist()], pa.string())]
            )
    text = pc.call_function("utf8_trim_whitespace", [column])
    words = pc.SetLookupOptions(value_set=pa.array(_NULLS, type=text.type))
    nothing = pc.call_function("is_in", [pc.call_function("utf8_lower", [text])], options=words)
    text = pc.call_function("if_else", [nothing, pa.scalar(None, type=text.type), text])
    try:
        return _floats(text), {}
    except pa.ArrowException:
        return _one_by_one(text.to_pylist())


def _floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.array(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)


def _one_by_one(texts: list[Any]) -> tuple[NDArray[np.float64], dict[int, str]]:
    values = np.full(len(texts), np.nan)
    odd: dict[int, str] = {}
    for i, text in enumerate(texts):
        if text is not None:
            try:
                values[i] = float(text) if "_" not in text else float("no number")
            except ValueError:
                odd[i] = text
    return values, odd
