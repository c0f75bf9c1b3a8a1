"""The gateway's contract for one star: request bytes, and what an answer means. No I/O."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import httpx
import orjson
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import BY_NAME, FEATURES, INPUTS

from astroscale_client.prediction import Prediction

RETRIED: Final = frozenset({429, 502, 503, 504})
LONGEST_PAUSE_S: Final = 30.0

_NAMES: Final = frozenset(column.name for column in INPUTS)
_ALWAYS: Final = tuple(column.name for column in FEATURES)

Star = Mapping[str, Any]
"""Values by column name: ra, dec (deg), teff (K), logg, fe_h (dex), snr, parallax (mas), and pmra, pmdec (mas/yr)."""


class RefusedError(AstroScaleError):
    """The gateway will not predict this star; `fields` names what is wrong with it."""


_HERE: Final = ("all://127.0.0.1", "all://localhost")
DIRECT: Final[Mapping[str, httpx.BaseTransport | None]] = dict.fromkeys(_HERE)
DIRECT_ASYNC: Final[Mapping[str, httpx.AsyncBaseTransport | None]] = dict.fromkeys(_HERE)
"""Mounts of a client: this machine is never reached through a proxy."""


def headers(api_key: str | None) -> dict[str, str]:
    """Headers of every request."""
    return {"accept": "application/json"} | ({"x-api-key": api_key} if api_key else {})


def body(star: Star) -> bytes:
    """The request of one star; missing values are None or NaN. RefusedError where a name or a value cannot be one."""
    unknown = sorted(set(star) - _NAMES)
    if unknown:
        raise RefusedError("unknown_field", f"{unknown[0]} is no input; the inputs are {', '.join(sorted(_NAMES))}")
    values = {name: _value(name, star.get(name)) for name in _ALWAYS}
    for name in ("pmra", "pmdec"):
        if (value := _value(name, star.get(name))) is not None:
            values[name] = value
    return orjson.dumps(values)


def _value(name: str, value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return None
        # JSON has no infinity, and null would be a different star.
        said = f"{name} is {value}; allowed is {BY_NAME[name].allowed} or null"
        field = {"field": name, "value": str(value), "allowed": BY_NAME[name].allowed, "message": said}
        raise RefusedError("not_finite", said, fields=[field])
    return value


def prediction(response: httpx.Response) -> Prediction:
    """The prediction in an answer. RefusedError for a star that is not allowed, AstroScaleError for all else."""
    document = json_of(response)
    if response.status_code == HTTPStatus.OK:
        return Prediction.from_dict(document)
    raise failure(response.status_code, document)


def json_of(response: httpx.Response) -> dict[str, Any]:
    """The answer's JSON object; an empty one where it has none and is an error anyway."""
    try:
        document = orjson.loads(response.content)
    except orjson.JSONDecodeError as error:
        if not response.is_error:
            raise AstroScaleError(
                "bad_answer", f"{response.url} does not answer with JSON: is it AstroScale?"
            ) from error
        return {}
    return document if isinstance(document, dict) else {}


def failure(status: int, document: Mapping[str, Any]) -> AstroScaleError:
    """The error that an answer other than 200 means."""
    error: Any = document.get("error")
    if not isinstance(error, dict):
        return AstroScaleError("http_error", f"the gateway answered HTTP {status}", retryable=status in RETRIED)
    code, message = str(error.get("code", "http_error")), str(error.get("message", f"HTTP {status}"))
    fields: list[dict[str, Any]] = [f for f in error.get("fields") or [] if isinstance(f, dict)]
    said = [str(field["message"]) for field in fields if field.get("message")]
    kind = RefusedError if status == HTTPStatus.UNPROCESSABLE_ENTITY else AstroScaleError
    return kind(code, "; ".join(said) or message, retryable=status in RETRIED, fields=fields)


def pause(response: httpx.Response | None, attempt: int) -> float:
    """Seconds before the next try (attempt 0, 1, ...): what Retry-After says, else twice as long each time."""
    asked = response.headers.get("retry-after", "") if response is not None else ""
    if asked.isascii() and asked.isdigit():
        return min(float(asked), LONGEST_PAUSE_S)
    return min(0.1 * 2.0**attempt, LONGEST_PAUSE_S)


def unreachable(url: str, error: Exception) -> AstroScaleError:
    """No gateway there."""
    why = "does not answer in time" if isinstance(error, httpx.TimeoutException) else "does not answer"
    return AstroScaleError(
        "gateway_unreachable", f"the gateway at {url} {why}; is it running (`astroscale status`)?", retryable=True
    )
