"""Reading a request's body: its type, its size, its time."""

import asyncio
from typing import Any, Final

from astroscale_shared.runtime.errors import AstroScaleError
from starlette.requests import ClientDisconnect, Request

JSON: Final = "application/json"


async def read_json(request: Request, *, limit: int, timeout: float) -> bytes:
    """The body of a JSON request.

    AstroScaleError `unsupported_media_type`, `body_too_large` (said before the rest is read), `body_timeout`.
    """
    if request.headers.get("content-type") != JSON:
        kind_of(request, (JSON,))
    return await read(request, limit=limit, timeout=timeout)


def kind_of(request: Request, allowed: tuple[str, ...]) -> str:
    """Which of the allowed content types the body has; AstroScaleError `unsupported_media_type`."""
    kind = request.headers.get("content-type", "")
    plain = kind.split(";")[0].strip().lower()
    if plain not in allowed:
        said = f"this is {kind[:60]}" if kind else "there is none"
        raise AstroScaleError("unsupported_media_type", f"content-type must be {' or '.join(allowed)}; {said}")
    return plain


async def read(request: Request, *, limit: int, timeout: float) -> bytes:
    """The body, whatever its type. Errors as of `read_json`."""
    headers = request.headers
    if "content-encoding" in headers:
        raise AstroScaleError("unsupported_media_type", "a compressed body is not read; send it as it is")
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(timeout):
            return await _read(request, limit)
    except TimeoutError:
        raise AstroScaleError("body_timeout", f"the body was not complete after {timeout:g} s") from None


async def _read(request: Request, limit: int) -> bytes:
    message: Any = await request.receive()
    if message["type"] != "http.disconnect" and not message.get("more_body") and len(message["body"]) <= limit:
        return message["body"]
    body = bytearray()
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        if not message.get("more_body"):
            return bytes(body)
        message = await request.receive()


def _too_large(limit: int) -> AstroScaleError:
    return AstroScaleError("body_too_large", f"the body is larger than {limit} bytes")
