"""One star as a caller sends it: a JSON object -> a row of numbers, or every reason why not. And many: an array."""

import json
import math
from collections.abc import Sequence
from typing import Any, Final

import orjson
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import FEATURES, INPUTS, REQUIRED, RV_KMS, Column

Row = tuple[float, ...]
"""One value for each of `columns.INPUTS`, NaN where it is missing."""

MAX_SHOWN: Final = 60
"""Characters of an offending value that an error repeats."""

_NAN: Final = float("nan")
_MUST_BE_THERE: Final = frozenset(column.name for column in FEATURES)
_NAMES: Final = frozenset(column.name for column in INPUTS)
_ALLOWED: Final = ", ".join(column.name for column in INPUTS)
_ABSENT: Final = object()


def _bounds(column: Column) -> tuple[float, float]:
    """The least and the greatest allowed value: an open end is the next float inside."""
    low = math.nextafter(column.low, math.inf) if column.low_open else column.low
    return low, math.nextafter(column.high, -math.inf) if column.high_open else column.high


_Checks = tuple[tuple[str, float, float, bool, bool], ...]


def _checks(must_be_there: frozenset[str]) -> _Checks:
    return tuple((c.name, *_bounds(c), c.name not in REQUIRED, c.name not in must_be_there) for c in INPUTS)


_CHECKS: Final = _checks(_MUST_BE_THERE)
_ROW_CHECKS: Final = _checks(REQUIRED)


class _Odd:
    """A value that JSON has no word for, and how it was written."""

    def __init__(self, text: str) -> None:
        self.text = text


def read(body: bytes) -> Row:
    """The star of a request's body.

    AstroScaleError: `bad_json`, `not_an_object`, or `invalid_star` whose `fields` names every offending field.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return _explain(_forgiving(body, error))
    # A star's values are numbers and null, so that each key has the only two quotes: more of them mean a key twice.
    if type(document) is dict and body.count(b'"') == 2 * len(document):
        row = _quick(document, _CHECKS)
        if row is not None:
            return row
    return _explain(_forgiving(body, None))


def read_array(body: bytes) -> list[Any]:
    """The elements of a request's JSON array, each for `of_row`. AstroScaleError: `bad_json`, `not_an_array`."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        document = _forgiving(body, error)
    else:
        # As in `read`: more quotes than the keys have mean a key twice, or a value that must be named as it came.
        if type(document) is list and body.count(b'"') != 2 * sum(len(o) for o in document if type(o) is dict):
            document = _forgiving(body, None)
    if not isinstance(document, list):
        raise AstroScaleError("not_an_array", f"many stars are a JSON array of objects, this is {_kind(document)}")
    return document  # pyright: ignore[reportUnknownVariableType]


def of_row(document: Any) -> Row:
    """The star of one element of an array: as `read`, but a key that is absent is null (not ra and dec).

    AstroScaleError: `not_an_object` or `invalid_star` whose `fields` names every offending field.
    """
    row = _quick(document, _ROW_CHECKS) if type(document) is dict else None
    return _explain(document, REQUIRED, f"{_ALLOWED}, {RV_KMS.name}") if row is None else row


def _quick(document: dict[str, Any], checks: _Checks) -> Row | None:
    """The row of a star that is right; None where anything is wrong."""
    row: list[float] = []
    known = 0
    for name, low, high, may_be_null, may_be_absent in checks:
        value = document.get(name, _ABSENT)
        kind = type(value)
        if (kind is float or kind is int) and low <= value <= high:
            row.append(float(value))
        elif value is None and may_be_null:
            row.append(_NAN)
        elif value is _ABSENT and may_be_absent:
            row.append(_NAN)
            continue
        else:
            return None
        known += 1
    return tuple(row) if known == len(document) else None


def _forgiving(body: bytes, error: orjson.JSONDecodeError | None) -> Any:
    """The document with keys that come twice and numbers that are none kept, so that they can be named."""
    try:
        return json.loads(body.decode(), parse_constant=_Odd, parse_float=_number, object_pairs_hook=_pairs)
    except (ValueError, RecursionError) as second:
        # Python's message says where; orjson's is the one about depth, encoding and numbers too long to read.
        said = second if isinstance(second, json.JSONDecodeError) else error
        where = f"{said.msg} at line {said.lineno}, column {said.colno}" if said is not None else "it cannot be read"
        raise AstroScaleError("bad_json", f"the body is not JSON: {where}") from None


def _number(text: str) -> float | _Odd:
    value = float(text)
    return value if math.isfinite(value) else _Odd(text[:MAX_SHOWN])


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        found[name] = _Twice() if name in found else value
    return found


class _Twice:
    """Stands for the value of a key that is there more than once."""


def _kind(document: Any) -> str:
    kinds = {list: "an array", dict: "an object", str: "a string", type(None): "null", bool: "a boolean"}
    return kinds.get(type(document), "a number")


def _explain(document: Any, must_be_there: frozenset[str] = _MUST_BE_THERE, known: str = _ALLOWED) -> Row:
    """The row, or every reason why there is none."""
    if not isinstance(document, dict):
        raise AstroScaleError("not_an_object", f"a star is a JSON object, this is {_kind(document)}")
    fields = [found for column in INPUTS if (found := _offence(column, document, must_be_there)) is not None]
    for name in document:
        if name not in _NAMES:
            shown = _shown(name)
            fields.append(_field(shown, _shown(document[name]), known, f"{shown} is no field; allowed are {known}"))
    if fields:
        raise AstroScaleError("invalid_star", _sentence(fields), fields=fields)
    return tuple(_NAN if document.get(c.name) is None else float(document[c.name]) for c in INPUTS)


def _offence(column: Column, document: dict[Any, Any], must_be_there: frozenset[str]) -> dict[str, Any] | None:
    name = column.name
    value = document.get(name, _ABSENT)
    nullable = name not in REQUIRED
    allowed = f"a number in {column.allowed}" + (" or null" if nullable else "")
    if value is _ABSENT:
        if name not in must_be_there:
            return None
        how = "; send null where it is not known" if nullable else ""
        return _field(name, None, allowed, f"{name} is missing{how}")
    if value is None and nullable:
        return None
    if isinstance(value, _Twice):
        return _field(name, None, allowed, f"{name} is there more than once")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = _bounds(column)
        if low <= value <= high:
            return None
    shown = _shown(value)
    said = "null" if value is None else shown if isinstance(value, _Odd) else json.dumps(shown)
    return _field(name, shown, allowed, f"{name} is {said}; allowed is {allowed}")


def _shown(value: Any) -> Any:
    """A value as an error may repeat it: short, and always JSON."""
    if isinstance(value, _Odd):
        return value.text
    if isinstance(value, _Twice):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 53:
        return f"{value:.6e}" if abs(value) < 10**308 else "a number beyond 1e308"
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()[:MAX_SHOWN]
    return "an array" if isinstance(value, list) else "an object"


def _field(name: str, value: Any, allowed: str, message: str) -> dict[str, Any]:
    return {"field": name, "value": value, "allowed": allowed, "message": message}


def _sentence(fields: Sequence[dict[str, Any]]) -> str:
    more = f"; and {len(fields) - 1} more" if len(fields) > 1 else ""
    return f"{fields[0]['message']}{more}"
