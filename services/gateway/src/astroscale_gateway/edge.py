"""The outermost layer: request ids, one access line and one measure a request, headers, and no trace to anyone."""

import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from astroscale_gateway import errors
from astroscale_gateway.metrics import GatewayMetrics

_SAFE_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_TEMPLATES: Final = (
    "/predict", "/predict/batch", "/model", "/ledger", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/",
)  # fmt: skip
_HEADERS: Final = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
CLIENT_GONE: Final = 499
"""Logged where the caller left before its answer; never sent."""


def route_of(path: str) -> str:
    """The template of a path: one of a fixed few, so that no caller can make up labels."""
    if path in _TEMPLATES:
        return path
    if path.startswith(("/assets/", "/docs/assets/")):
        return "/assets/*"
    return "other"


Direct = Mapping[tuple[str, str], Callable[[Request], Awaitable[Response]]]
"""Handlers by method and path that are called here, sparing them a dozen layers that have nothing to do for them."""

OnError = Callable[[Request, AstroScaleError], Awaitable[Response]]


class Edge:
    """Pure ASGI, so that it costs some microseconds and no task."""

    def __init__(
        self, app: ASGIApp, metrics: GatewayMetrics, on_error: OnError, direct: Direct, *, access_log: bool = True
    ) -> None:
        self._app = app
        self._on_error = on_error
        self._direct = direct
        self._metrics = metrics
        self._access_log = access_log
        self._log = logging.get("access")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        began = time.perf_counter()
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        id_header = (b"x-request-id", request_id.encode())
        status = 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_HEADERS, id_header]
            await send(message)

        try:
            handler = self._direct.get((scope["method"], scope["path"]))
            if handler is None:
                await self._app(scope, receive, send_on)
            else:
                await self._call(handler, Request(scope, receive), send_on)
        except ClientDisconnect:
            status = status or CLIENT_GONE
        except Exception:  # noqa: BLE001 - the outermost frame: logged once, here, and told to nobody
            self._log.exception("request_failed", id=request_id, path=scope["path"][:200])
            if not status:
                await errors.response(errors.unexpected(), request_id)(scope, receive, send_on)
        finally:
            seconds = time.perf_counter() - began
            route = route_of(scope["path"])
            self._metrics.answered(route, status, seconds)
            if self._access_log:
                self._log.info(
                    "request",
                    id=request_id,
                    method=scope["method"],
                    route=route,
                    status=status,
                    duration_ms=round(seconds * 1000, 3),
                )

    async def _call(self, handler: Callable[[Request], Awaitable[Response]], request: Request, send: Send) -> None:
        try:
            response = await handler(request)
        except AstroScaleError as error:
            response = await self._on_error(request, error)
        await response(request.scope, request.receive, send)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            if _SAFE_ID.fullmatch(value):
                return value.decode()
            break
    return uuid.uuid4().hex
