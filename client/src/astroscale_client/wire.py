"""The gateway's contract in JSON: request bytes, and what an answer means. No I/O."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import httpx
import orjson
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import BY_NAME, FEATURES, INPUTS

from astroscale_client.prediction import Prediction

JSON: Final = "application/json"
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
    return {"accept": JSON} | ({"x-api-key": api_key} if api_key else {})


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


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. retry_after: that header, empty where there is none."""

    status: int
    content: bytes
    retry_after: str = ""


def answer(response: httpx.Response) -> Answer:
    """What came back, of a response that is read."""
    return Answer(response.status_code, response.content, response.headers.get("retry-after", ""))


def prediction(answer: Answer) -> Prediction:
    """The prediction in an answer. RefusedError for a star that is not allowed, AstroScaleError for all else."""
    document = json_of(answer)
    if answer.status == HTTPStatus.OK:
        return Prediction.from_dict(document)
    raise failure(answer.status, document)


def predictions(answer: Answer, stars: int) -> list[Prediction | AstroScaleError]:
    """The predictions in the answer (200) to an array of so many stars, or why one was refused.

    AstroScaleError `bad_answer` where it is no such answer.
    """
    document = json_of(answer)
    try:
        shared = {"model": document["model"], "request_id": document["request_id"]}
        refused = {int(row["row"]): _refusal(row) for row in document["refused"]}
        found = [
            Prediction.from_dict(said | shared) if said is not None else refused[row]
            for row, said in enumerate(document["predictions"])
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise AstroScaleError(
            "bad_answer", f"the gateway's answer has no predictions ({type(error).__name__})"
        ) from error
    if len(found) != stars:
        raise AstroScaleError("bad_answer", f"the gateway answered {len(found)} predictions for {stars} stars")
    return found


def _refusal(row: Mapping[str, Any]) -> AstroScaleError:
    error = failure(HTTPStatus.UNPROCESSABLE_ENTITY, {"error": row})
    return error if error.fields else AstroScaleError(error.code, error.message)


def json_of(answer: Answer) -> dict[str, Any]:
    """The answer's JSON object; an empty one where it has none and is an error anyway."""
    try:
        document = orjson.loads(answer.content)
    except orjson.JSONDecodeError as error:
        if answer.status < HTTPStatus.BAD_REQUEST:
            raise AstroScaleError("bad_answer", "what answers there does not speak JSON: is it AstroScale?") from error
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


def pause(answer: Answer | None, attempt: int) -> float:
    """Seconds before the next try (attempt 0, 1, ...): what Retry-After says, else twice as long each time."""
    asked = answer.retry_after if answer is not None else ""
    if asked.isascii() and asked.isdigit():
        return min(float(asked), LONGEST_PAUSE_S)
    return min(0.1 * 2.0**attempt, LONGEST_PAUSE_S)


def unreachable(url: str, *, late: bool) -> AstroScaleError:
    """No gateway there, or none that answers in time."""
    why = "does not answer in time" if late else "does not answer"
    return AstroScaleError(
        "gateway_unreachable", f"the gateway at {url} {why}; is it running (`astroscale status`)?", retryable=True
    )
