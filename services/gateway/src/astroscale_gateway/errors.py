"""The one shape of every error that leaves the gateway, and which status each code has."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from astroscale_shared.runtime.errors import AstroScaleError
from starlette.responses import Response

STATUS: Final[Mapping[str, int]] = {
    "bad_json": 422,
    "not_an_object": 422,
    "invalid_star": 422,
    "not_an_array": 422,
    "invalid_table": 422,
    "bad_table": 422,
    "no_stars": 422,
    "bad_idempotency_key": 422,
    "idempotency_key_reused": 422,
    "unauthorized": 401,
    "not_found": 404,
    "page_not_built": 404,
    "method_not_allowed": 405,
    "body_timeout": 408,
    "body_too_large": 413,
    "too_many_rows": 413,
    "too_large": 413,
    "unsupported_media_type": 415,
    "busy": 503,
    "starting": 503,
    "shutting_down": 503,
    "kafka_unreachable": 503,
    "bad_reply": 503,
    "bad_arrow": 503,
    "no_model": 503,
    "model_changing": 503,
    "deadline_exceeded": 504,
    "internal_error": 500,
}
RETRY_AFTER_SECONDS: Final = "1"


def status_of(error: AstroScaleError) -> int:
    """The HTTP status of an error; one that another service made up is 503 where it may pass, else 500."""
    return STATUS.get(error.code, 503 if error.retryable else 500)


def response(error: AstroScaleError, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    """The error as JSON, with Retry-After where trying again may help."""
    status = status_of(error)
    extra = dict(headers or {})
    if status == 503:
        extra.setdefault("retry-after", RETRY_AFTER_SECONDS)
    return Response(body(error, request_id), status, extra, "application/json")


def body(error: AstroScaleError, request_id: str) -> bytes:
    """`{"error": {code, message, fields}, "request_id"}`."""
    said: dict[str, Any] = {"code": error.code, "message": error.message, "fields": error.fields}
    return orjson.dumps({"error": said, "request_id": request_id})


def unexpected() -> AstroScaleError:
    """What is told of an error that nobody foresaw; its trace is in the log."""
    return AstroScaleError("internal_error", "something failed here; the log has it under the request id")


def of_status(status: int, detail: str) -> AstroScaleError:
    """The error of a bare HTTP status, as the router raises it."""
    known = {404: ("not_found", "there is nothing here; see /docs"), 405: ("method_not_allowed", "not by this method")}
    code, message = known.get(status, (f"http_{status}", detail))
    return AstroScaleError(code, message)
