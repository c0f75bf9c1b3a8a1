"""The contract of the raw topic, read without trust: whatever anyone produced -> observations, and what was refused.

JSON object, array or lines (also when no content-type is given), or an Arrow IPC stream (content-type says so).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from astroscale_shared.messaging import codec
from astroscale_shared.messaging.contracts import ARROW, CONTENT_TYPE, CSV_LINE, RejectedRow
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import BY_NAME, NUMERIC, TEXT
from astroscale_shared.stars.observations import Observations, from_columns

MAX_TEXT: Final = 128
_KNOWN: Final = frozenset(BY_NAME) | frozenset(TEXT)
_NUMBERS: Final = {int, float, type(None)}


@dataclass(frozen=True, slots=True)
class RawRows:
    """Rows of one message. stars: all of them, N; rows that could not be read are NaN there and named in `refused`.

    unknown_fields: how many values had a name that we do not know (ignored, and counted)."""

    stars: Observations
    refused: list[RejectedRow]
    unknown_fields: int


def parse(value: bytes | None, headers: dict[str, str]) -> RawRows:
    """Read one message; AstroScaleError where the message as a whole cannot be read (it counts as one row)."""
    if not value:
        raise AstroScaleError("empty_message", "the message has no content")
    kind = _kind(headers)
    if kind == ARROW:
        return _from_table(codec.from_untrusted(value))
    if kind == CSV_LINE:
        raise AstroScaleError("broken_line", "a line of a table that does not split into its columns")
    return _from_objects(_json_rows(value))


def count_rows(value: bytes | None, headers: dict[str, str]) -> int:
    """How many rows the message counts as, without validating them."""
    try:
        # Read as the preprocessor reads it: what it refuses whole is one row, however many rows it holds.
        if not value or _kind(headers) in (ARROW, CSV_LINE):
            return len(parse(value, headers).stars)
        return len(_json_rows(value))
    except AstroScaleError:
        return 1


def _kind(headers: dict[str, str]) -> str:
    return headers.get(CONTENT_TYPE, "").split(";")[0].strip().lower()


# --- JSON ---------------------------------------------------------------------------------------------------------


class _NotFinite:
    """Stands for NaN, Infinity and -Infinity, which are no JSON but are written by many."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


class _BadLine:
    """A line of JSON lines that is no JSON."""

    def __init__(self, error: AstroScaleError) -> None:
        self.code = error.code
        self.reason = error.message


def _loads(data: bytes) -> Any:
    """A JSON document. What the strict parser refuses but the standard library reads (NaN, Infinity, numbers beyond any
    float, half a surrogate pair) is read by that, so that one such value refuses its row and not the message."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        try:
            return json.loads(data.decode("utf-8", "strict"), parse_constant=_NotFinite)
        except UnicodeDecodeError as undecodable:
            raise AstroScaleError("not_utf8", f"not UTF-8 at byte {undecodable.start}") from None
        except (ValueError, RecursionError):
            raise AstroScaleError("bad_json", f"not JSON: {error}") from None


def _json_rows(value: bytes) -> list[Any]:
    try:
        document = _loads(value)
    except AstroScaleError:
        lines = [line for line in value.splitlines() if line.strip()]
        if len(lines) < 2 or lines[0].lstrip()[:1] != b"{":
            raise
        rows = [_line(line) for line in lines]
        if all(isinstance(row, _BadLine) for row in rows):
            raise
        return _limited(rows)
    return _limited(document if isinstance(document, list) else [document])


def _limited(rows: list[Any]) -> list[Any]:
    if len(rows) > codec.MAX_ROWS:
        raise AstroScaleError("too_many_rows", f"more than {codec.MAX_ROWS} rows in one message")
    return rows


def _line(line: bytes) -> Any:
    try:
        return _loads(line)
    except AstroScaleError as error:
        return _BadLine(error)


def _from_objects(rows: list[Any]) -> RawRows:
    refused: dict[int, RejectedRow] = {}
    objects: list[dict[str, Any]] = []
    for i, row in enumerate(rows):
        if isinstance(row, dict):
            objects.append(row)  # pyright: ignore[reportUnknownArgumentType]
            continue
        objects.append({})
        if isinstance(row, _BadLine):
            refused[i] = RejectedRow(row=i, code=row.code, detail=row.reason)
        else:
            said = f"a star is a JSON object, this is {_shown(row)}"
            refused[i] = RejectedRow(row=i, code="not_an_object", detail=said)
    numeric = {c.name: _numbers(c.name, [o.get(c.name) for o in objects], refused) for c in NUMERIC}
    text = {name: _texts(name, [o.get(name) for o in objects], refused) for name in TEXT}
    unknown = sum(len(o.keys() - _KNOWN) for o in objects)
    stars = from_columns(numeric, source_id=text["source_id"], survey=text["survey"])
    return RawRows(stars, [refused[i] for i in sorted(refused)], unknown)


def _numbers(name: str, values: Sequence[Any], refused: dict[int, RejectedRow]) -> NDArray[np.float64]:
    if not set(map(type, values)) <= _NUMBERS:
        values = [_number(name, i, value, refused) for i, value in enumerate(values)]
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError:  # a whole number beyond any float
        return np.array([_number(name, i, value, refused) for i, value in enumerate(values)], dtype=np.float64)


def _number(name: str, row: int, value: Any, refused: dict[int, RejectedRow]) -> float | None:
    if value is None:
        return None
    if type(value) in (int, float):
        try:
            return float(value)
        except OverflowError:
            value = _NotFinite("a number beyond 1e308")
    allowed = BY_NAME[name].allowed
    if isinstance(value, _NotFinite):
        code, shown, said = (
            "not_finite",
            value.text,
            f"{name} is {value.text}; allowed is a number in {allowed} or null",
        )
    else:
        shown = _shown(value)
        code, said = "wrong_type", f"{name} is {shown}; allowed is a number in {allowed} or null"
    refused.setdefault(row, RejectedRow(row=row, code=code, field=name, value=shown, detail=said))
    return None


def _texts(name: str, values: Sequence[Any], refused: dict[int, RejectedRow]) -> NDArray[np.object_]:
    result = np.full(len(values), None, dtype=np.object_)
    for i, value in enumerate(values):
        if value is None:
            continue
        text = str(value) if type(value) is int else value
        if not isinstance(text, str):
            said = f"{name} is {_shown(value)}; allowed is text or null"
            refused.setdefault(i, RejectedRow(row=i, code="wrong_type", field=name, value=_shown(value), detail=said))
        elif not text.isascii() and _half_surrogate(text):
            said = f"{name} has half a surrogate pair; allowed is Unicode text or null"
            refused.setdefault(i, RejectedRow(row=i, code="not_utf8", field=name, detail=said))
        elif len(text) > MAX_TEXT:
            said = f"{name} has {len(text)} characters; allowed are {MAX_TEXT}"
            refused.setdefault(i, RejectedRow(row=i, code="too_long", field=name, value=text[:60], detail=said))
        else:
            result[i] = text
    return result


def _shown(value: Any) -> str:
    """A value in a sentence. Containers are only named: they may be as deep as a message is long."""
    if isinstance(value, dict):
        return "an object"
    return "an array" if isinstance(value, list) else repr(value)[:60]


def _half_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


# --- Arrow --------------------------------------------------------------------------------------------------------


def _from_table(table: pa.Table) -> RawRows:
    names: list[str] = table.column_names
    twice = sorted({name for name in names if name in _KNOWN and names.count(name) > 1})
    if twice:
        raise AstroScaleError("duplicate_column", f"column {twice[0]} is there more than once")
    refused: dict[int, RejectedRow] = {}
    numeric = {name: _arrow_numbers(name, table.column(name)) for name in names if name in BY_NAME}
    numeric.setdefault("ra", np.full(table.num_rows, np.nan))
    text = {name: _arrow_texts(name, table.column(name), refused) for name in names if name in TEXT}
    unknown = sum(name not in _KNOWN for name in names) * table.num_rows
    stars = from_columns(numeric, source_id=text.get("source_id"), survey=text.get("survey"))
    return RawRows(stars, [refused[i] for i in sorted(refused)], unknown)


def _arrow_numbers(name: str, column: pa.ChunkedArray) -> NDArray[np.float64]:
    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise AstroScaleError("wrong_type", f"column {name} has type {kind}; allowed are floats and integers")
    return codec.floats(column)


def _plain(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A dictionary's values, one for each row; refused where that could be far larger than the message."""
    kind = column.type.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        chunks: list[Any] = column.chunks
        longest = [pc.call_function("max", [pc.call_function("binary_length", [c.dictionary])]).as_py() for c in chunks]
        if len(column) * max((n or 0 for n in longest), default=0) > codec.MAX_DECODED_BYTES:
            raise AstroScaleError("too_large", f"column {name} unfolds to more than {codec.MAX_DECODED_BYTES} bytes")
    return column.cast(kind)


def _arrow_texts(name: str, column: pa.ChunkedArray, refused: dict[int, RejectedRow]) -> NDArray[np.object_]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = _plain(name, column), kind.value_type
    if pa.types.is_integer(kind) or pa.types.is_null(kind):
        column = column.cast(pa.string())
    elif not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise AstroScaleError("wrong_type", f"column {name} has type {kind}; allowed are strings and integers")
    if column.null_count == len(column):  # as in every request
        return np.full(len(column), None, dtype=np.object_)
    values = codec.strings(column)
    lengths = pc.call_function("utf8_length", [column]).to_numpy()
    for i in np.flatnonzero(lengths > MAX_TEXT):
        said = f"{name} has {int(lengths[i])} characters; allowed are {MAX_TEXT}"
        refused.setdefault(int(i), RejectedRow(row=int(i), code="too_long", field=name, value=None, detail=said))
    return values
