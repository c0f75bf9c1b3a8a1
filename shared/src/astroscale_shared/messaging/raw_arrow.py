"""Arrow of the raw topic: types that mean numbers and texts are read, all else is refused."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from astroscale_shared.messaging import codec
from astroscale_shared.messaging.contracts import RejectedRow
from astroscale_shared.messaging.raw_rows import KNOWN, MAX_TEXT, RawRows
from astroscale_shared.messaging.reasons import Reason
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import BY_NAME, TEXT
from astroscale_shared.stars.observations import from_columns


def to_rows(table: pa.Table) -> RawRows:
    """A table that was checked whole, to rows; AstroScaleError where a column is none that we can read."""
    names: list[str] = table.column_names
    twice = sorted({name for name in names if name in KNOWN and names.count(name) > 1})
    if twice:
        raise AstroScaleError(Reason.DUPLICATE_COLUMN, f"column {twice[0]} is there more than once")
    refused: dict[int, RejectedRow] = {}
    numeric = {name: _arrow_numbers(name, table.column(name)) for name in names if name in BY_NAME}
    numeric.setdefault("ra", np.full(table.num_rows, np.nan))
    text = {name: _arrow_texts(name, table.column(name), refused) for name in names if name in TEXT}
    unknown = sum(name not in KNOWN for name in names) * table.num_rows
    stars = from_columns(numeric, source_id=text.get("source_id"), survey=text.get("survey"))
    return RawRows(stars, [refused[i] for i in sorted(refused)], unknown)


def _arrow_numbers(name: str, column: pa.ChunkedArray) -> NDArray[np.float64]:
    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise AstroScaleError(Reason.WRONG_TYPE, f"column {name} has type {kind}; allowed are floats and integers")
    return codec.floats(column)


def _plain(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A dictionary's values, one for each row; refused where that could be far larger than the message."""
    kind = column.type.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        chunks: list[Any] = column.chunks
        longest = [pc.call_function("max", [pc.call_function("binary_length", [c.dictionary])]).as_py() for c in chunks]
        if len(column) * max((n or 0 for n in longest), default=0) > codec.MAX_DECODED_BYTES:
            raise AstroScaleError(
                Reason.TOO_LARGE, f"column {name} unfolds to more than {codec.MAX_DECODED_BYTES} bytes"
            )
    return column.cast(kind)


def _arrow_texts(name: str, column: pa.ChunkedArray, refused: dict[int, RejectedRow]) -> NDArray[np.object_]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = _plain(name, column), kind.value_type
    if pa.types.is_integer(kind) or pa.types.is_null(kind):
        column = column.cast(pa.string())
    elif not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise AstroScaleError(Reason.WRONG_TYPE, f"column {name} has type {kind}; allowed are strings and integers")
    if column.null_count == len(column):  # as in every request
        return np.full(len(column), None, dtype=np.object_)
    values = codec.strings(column)
    lengths = pc.call_function("utf8_length", [column]).to_numpy()
    for i in np.flatnonzero(lengths > MAX_TEXT):
        said = f"{name} has {int(lengths[i])} characters; allowed are {MAX_TEXT}"
        refused.setdefault(int(i), RejectedRow(row=int(i), code=Reason.TOO_LONG, field=name, value=None, detail=said))
    return values
