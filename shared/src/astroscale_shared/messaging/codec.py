"""Arrow IPC streams <-> tables, and numpy columns out of them. The adapter of pyarrow; nothing else decodes bytes."""

import struct
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from astroscale_shared.messaging import arrow_sizes
from astroscale_shared.messaging.contracts import RAW_SCHEMA
from astroscale_shared.messaging.reasons import Reason
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import NUMERIC, TEXT
from astroscale_shared.stars.observations import Observations

MAX_ROWS: Final = 1_000_000
MAX_DECODED_BYTES: Final = 256 << 20


def to_bytes(batch: pa.RecordBatch) -> bytes:
    """One record batch as an Arrow IPC stream. Not compressed: the producer compresses."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def from_trusted(value: bytes) -> pa.RecordBatch:
    """A record batch that one of our services wrote, without copying; AstroScaleError `bad_arrow` if it is none."""
    try:
        with pa.ipc.open_stream(pa.py_buffer(value)) as reader:
            return reader.read_next_batch()
    except (pa.ArrowException, StopIteration, OSError, ValueError) as error:
        raise AstroScaleError(Reason.BAD_ARROW, f"not an Arrow IPC stream with one batch: {error}") from error


def places(value: bytes, batch: pa.RecordBatch) -> dict[str, int] | None:
    """Where in `value` the values of each column of `batch` begin; None where they are not read in place (compressed),
    or a column has none. For one row of numbers, what lies there is the number."""
    base = pa.py_buffer(value).address
    found: dict[str, int] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        buffer = column.buffers()[1] if column.type != pa.null() else None
        if buffer is None or not 0 <= buffer.address - base < len(value):
            return None
        found[name] = buffer.address - base
    return found


def from_untrusted(value: bytes, *, max_rows: int = MAX_ROWS, max_decoded_bytes: int = MAX_DECODED_BYTES) -> pa.Table:
    """A table that anyone may have written: checked whole before a value is touched.

    AstroScaleError: `bad_arrow` (truncated, not a stream, inconsistent buffers), `too_many_rows`, `too_large`.
    """
    try:
        size = arrow_sizes.declared(value)
        if size.rows > max_rows:
            raise AstroScaleError(Reason.TOO_MANY_ROWS, f"more than {max_rows} rows in one message")
        if size.decoded_bytes > max_decoded_bytes:
            raise AstroScaleError(Reason.TOO_LARGE, f"more than {max_decoded_bytes} decoded bytes in one message")
        with pa.ipc.open_stream(pa.py_buffer(value)) as reader:
            batches: list[pa.RecordBatch] = []
            for batch in reader:
                batch.validate(full=True)
                batches.append(batch)
            table = pa.Table.from_batches(batches, schema=reader.schema)
            _ = table.column_names  # raises where a name is not UTF-8
            return table
    except (pa.ArrowException, OSError, ValueError, struct.error) as error:
        raise AstroScaleError(Reason.BAD_ARROW, f"not a readable Arrow IPC stream: {error}") from error


def floats(column: Any) -> NDArray[np.float64]:
    """A numeric Arrow column as float64 [N], null -> NaN."""
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if column.type != pa.float64():
        column = column.cast(pa.float64(), safe=False)  # a whole number beyond 2^53 is rounded, not refused
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def strings(column: Any) -> NDArray[np.object_]:
    """A string Arrow column as object [N] of str or None."""
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.object_)


def nullable(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """A float column with NaN written as null, so that missing is missing in every reader."""
    return pa.array(values, type=kind, from_pandas=True)


def raw_batch(stars: Observations) -> pa.RecordBatch:
    """Observations as a batch of the raw topic."""
    text = {"source_id": stars.source_id, "survey": stars.survey}
    arrays = [pa.array(text[name], type=pa.string()) for name in TEXT]
    arrays += [nullable(stars.numeric[column.name], pa.float64()) for column in NUMERIC]
    return pa.RecordBatch.from_arrays(arrays, schema=RAW_SCHEMA)


def features(batch: pa.RecordBatch) -> NDArray[np.float32]:
    """The tensor of an encoded batch, float32 [N, F], without copying."""
    column: Any = batch.column("features")
    width = column.type.list_size
    flat = column.values.to_numpy(zero_copy_only=True)
    offset = column.offset * width
    return flat[offset : offset + len(column) * width].reshape(-1, width)
