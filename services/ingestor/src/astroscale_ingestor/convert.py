"""A chunk of a table to messages of the raw topic: Arrow for what is typed right, JSON for rows that are not.

Nothing is judged here. A row whose cell is no number goes on as its producer wrote it, in a JSON message beside its
neighbours, and the preprocessor refuses it with the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
from astroscale_shared.messaging import codec
from astroscale_shared.messaging.contracts import ARROW, CSV_LINE, JSON, RAW_SCHEMA
from astroscale_shared.messaging.topics import MAX_MESSAGE_BYTES
from astroscale_shared.stars.columns import BY_NAME
from numpy.typing import NDArray

from astroscale_ingestor.readers.base import Chunk

MAX_CELL = 1_000


@dataclass(frozen=True, slots=True)
class RawMessage:
    """One message of the raw topic, and how many rows it counts as."""

    value: bytes
    content_type: str
    rows: int


def messages(chunk: Chunk, columns: Mapping[str, str]) -> list[RawMessage]:
    """The messages of one chunk; their rows add up to the chunk's rows and broken lines."""
    made: list[RawMessage] = []
    table, bad = _typed(chunk.batch, columns)
    if bad.any():
        made += _as_json(chunk.batch.filter(pa.array(bad)), columns)
        table = table.filter(pa.array(~bad))
    if table.num_rows:
        made += _as_arrow(table)
    # A line that does not split into columns is a message by itself: it counts as one row and is refused as it is.
    made += [RawMessage(line.encode()[:MAX_MESSAGE_BYTES], CSV_LINE, 1) for line in chunk.broken_lines]
    return made


def _typed(batch: pa.RecordBatch, columns: Mapping[str, str]) -> tuple[pa.RecordBatch, NDArray[np.bool_]]:
    bad = np.zeros(batch.num_rows, dtype=np.bool_)
    arrays: list[pa.Array] = []
    for field in RAW_SCHEMA:
        source = columns.get(field.name)
        if source is None:
            arrays.append(pa.nulls(batch.num_rows, field.type))
            continue
        column = batch.column(source)
        if pa.types.is_boolean(column.type) and field.name in BY_NAME:
            bad |= column.is_valid().to_numpy(zero_copy_only=False)  # true is no number, though it can be cast to one
            arrays.append(pa.nulls(batch.num_rows, field.type))
            continue
        try:
            arrays.append(column.cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            values, wrong = _cell_by_cell(column, field.type)
            arrays.append(values)
            bad |= wrong
    return pa.RecordBatch.from_arrays(arrays, schema=RAW_SCHEMA), bad


def _cell_by_cell(column: pa.Array, kind: pa.DataType) -> tuple[pa.Array, NDArray[np.bool_]]:
    wrong = np.zeros(len(column), dtype=np.bool_)
    values: list[object] = []
    for i in range(len(column)):
        try:
            values.append(column.slice(i, 1).cast(kind)[0].as_py())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            values.append(None)
            wrong[i] = True
    return pa.array(values, type=kind), wrong


def _as_arrow(batch: pa.RecordBatch) -> list[RawMessage]:
    value = codec.to_bytes(batch)
    if len(value) <= MAX_MESSAGE_BYTES:
        return [RawMessage(value, ARROW, batch.num_rows)]
    if batch.num_rows == 1:  # one row that no broker would take: only a text can be so long, and it is refused anyway
        return _as_json(batch, {name: name for name in batch.schema.names})
    half = batch.num_rows // 2
    return _as_arrow(batch.slice(0, half)) + _as_arrow(batch.slice(half))


def _as_json(batch: pa.RecordBatch, columns: Mapping[str, str]) -> list[RawMessage]:
    made: list[RawMessage] = []
    for row in batch.to_pylist():
        star = {target: _cell(target, row[source]) for target, source in columns.items()}
        value = orjson.dumps(star, default=str)
        if len(value) > MAX_MESSAGE_BYTES:
            value = orjson.dumps({target: _cut(cell) for target, cell in star.items()})
        made.append(RawMessage(value, JSON, 1))
    return made


def _cut(cell: object) -> object:
    """A cell that lets its row be sent; what is longer is refused for its length all the same."""
    return cell if isinstance(cell, int | float | None) else str(cell)[:MAX_CELL]


def _cell(target: str, value: object) -> object:
    """The cell as its producer wrote it: a number where it is one."""
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else str(value)  # JSON has no infinity: it would become null, which is allowed
    if target not in BY_NAME or not isinstance(value, str) or not value.isascii() or "_" in value:
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return number if np.isfinite(number) else value
