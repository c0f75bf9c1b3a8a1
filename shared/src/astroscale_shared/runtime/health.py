"""`/healthz`, `/readyz` and `/metrics` of a service that has no other HTTP."""

import asyncio
import contextlib
from collections.abc import Callable

import orjson

from astroscale_shared.runtime.metrics import Metrics

Unready = Callable[[], list[str]]
"""Why the service is not ready; empty when it is."""

Notes = Callable[[], list[str]]
"""What an operator should know although it is ready; empty when all is as asked."""

_REASONS = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


class HealthServer:
    """A small HTTP/1.1 server for probes and scrapes: GET only, one request a connection."""

    def __init__(self, host: str, port: int, metrics: Metrics, unready: Unready, notes: Notes | None = None) -> None:
        self._host = host
        self._port = port
        self._metrics = metrics
        self._unready = unready
        self._notes = notes
        metrics.gauge("ready", "1 while /readyz answers 200").set_function(lambda: 0.0 if unready() else 1.0)
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port that it listens on (useful where 0 was asked for)."""
        assert self._server is not None  # noqa: S101 - asked only between start and stop
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen; OSError where the port is taken."""
        self._server = await asyncio.start_server(self._serve, self._host, self._port, limit=8192)

    async def stop(self) -> None:
        """Close."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            async with asyncio.timeout(5):
                head = await reader.readuntil(b"\r\n\r\n")
                status, kind, body = self._answer(head.split(b"\r\n", 1)[0])
                writer.write(
                    f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: {kind}\r\n"
                    f"content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        with contextlib.suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    def _answer(self, request_line: bytes) -> tuple[int, str, bytes]:
        parts = request_line.split(b" ")
        if len(parts) != 3 or parts[0] != b"GET":
            return 405, "application/json", b'{"error":"only GET is answered here"}'
        path = parts[1].split(b"?", 1)[0]
        if path == b"/healthz":
            return 200, "application/json", b'{"alive":true}'
        if path == b"/readyz":
            reasons = self._unready()
            said: dict[str, bool | list[str]] = {"ready": not reasons, "reasons": reasons}
            if self._notes is not None:
                said["notes"] = self._notes()
            return (503 if reasons else 200), "application/json", orjson.dumps(said)
        if path == b"/metrics":
            return 200, "text/plain; version=0.0.4; charset=utf-8", self._metrics.render()
        return 404, "application/json", b'{"error":"only /healthz, /readyz and /metrics are here"}'
