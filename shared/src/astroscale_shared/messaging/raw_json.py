"""JSON of the raw topic, read without trust: value by value, so that a bad one refuses its row and no other."""

import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from astroscale_shared.messaging import codec
from astroscale_shared.messaging.contracts import RejectedRow
from astroscale_shared.messaging.raw_rows import KNOWN, MAX_TEXT, RawRows
from astroscale_shared.messaging.reasons import Reason
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import BY_NAME, NUMERIC, TEXT
from astroscale_shared.stars.observations import from_columns

_NUMBERS: Final = {int, float, type(None)}
_STRINGS: Final = {str, type(None)}


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
            raise AstroScaleError(Reason.NOT_UTF8, f"not UTF-8 at byte {undecodable.start}") from None
        except (ValueError, RecursionError):
            raise AstroScaleError(Reason.BAD_JSON, f"not JSON: {error}") from None


def read(value: bytes) -> list[Any]:
    """The items of one message: a JSON object, array or lines; AstroScaleError where it cannot be read as a whole."""
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


def singles(values: Sequence[bytes]) -> tuple[RawRows, list[int]]:
    """Read many messages that are a JSON object each, in one go: a star a message, as most producers write.

    Returns the rows, and for each row which of `values` it is. It is what `raw.parse` makes of each, joined; row numbers of
    refusals are those of the joined rows. Left out is what `raw.parse` has to look at: anything that is not plainly one
    object. Messages are read one by one, never as one text: pieces of two broken ones could be a whole together.
    """
    objects: list[Any] = []
    taken: list[int] = []
    for i, value in enumerate(values):
        try:
            found = orjson.loads(value)
        except orjson.JSONDecodeError:
            continue
        if type(found) is dict:
            objects.append(found)
            taken.append(i)
    return to_rows(objects), taken


def _limited(rows: list[Any]) -> list[Any]:
    if len(rows) > codec.MAX_ROWS:
        raise AstroScaleError(Reason.TOO_MANY_ROWS, f"more than {codec.MAX_ROWS} rows in one message")
    return rows


def _line(line: bytes) -> Any:
    try:
        return _loads(line)
    except AstroScaleError as error:
        return _BadLine(error)


def to_rows(rows: Sequence[Any]) -> RawRows:
    """Items of a JSON array, as they were read, to rows."""
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
            refused[i] = RejectedRow(row=i, code=Reason.NOT_AN_OBJECT, detail=said)
    numeric = {c.name: _numbers(c.name, [o.get(c.name) for o in objects], refused) for c in NUMERIC}
    text = {name: _texts(name, [o.get(name) for o in objects], refused) for name in TEXT}
    unknown = sum(0 if KNOWN.issuperset(o) else len(o.keys() - KNOWN) for o in objects)
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
            Reason.NOT_FINITE,
            value.text,
            f"{name} is {value.text}; allowed is a number in {allowed} or null",
        )
    else:
        shown = _shown(value)
        code, said = Reason.WRONG_TYPE, f"{name} is {shown}; allowed is a number in {allowed} or null"
    refused.setdefault(row, RejectedRow(row=row, code=code, field=name, value=shown, detail=said))
    return None


def _texts(name: str, values: Sequence[Any], refused: dict[int, RejectedRow]) -> NDArray[np.object_]:
    result = np.full(len(values), None, dtype=np.object_)
    if set(map(type, values)) <= _STRINGS and _short_ascii([value for value in values if value is not None]):
        result[:] = values
        return result
    for i, value in enumerate(values):
        if value is None:
            continue
        text = str(value) if type(value) is int else value
        if not isinstance(text, str):
            said = f"{name} is {_shown(value)}; allowed is text or null"
            refused.setdefault(
                i, RejectedRow(row=i, code=Reason.WRONG_TYPE, field=name, value=_shown(value), detail=said)
            )
        elif not text.isascii() and _half_surrogate(text):
            said = f"{name} has half a surrogate pair; allowed is Unicode text or null"
            refused.setdefault(i, RejectedRow(row=i, code=Reason.NOT_UTF8, field=name, detail=said))
        elif len(text) > MAX_TEXT:
            said = f"{name} has {len(text)} characters; allowed are {MAX_TEXT}"
            refused.setdefault(i, RejectedRow(row=i, code=Reason.TOO_LONG, field=name, value=text[:60], detail=said))
        else:
            result[i] = text
    return result


def _short_ascii(texts: Sequence[str]) -> bool:
    return "".join(texts).isascii() and max(map(len, texts), default=0) <= MAX_TEXT


def _shown(value: Any) -> str:
    """A value in a sentence. Containers are only named: they may be as deep as a message is long."""
    if isinstance(value, dict):
        return "an object"
    return "an array" if isinstance(value, list) else repr(value)[:60]


def _half_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
