"""The way to inference and back: rows -> a message of the request topic -> the reply's scores."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

import orjson
from astroscale_shared.messaging.requests import MODEL, PREDICT, Reply
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError

from astroscale_gateway.domain.answer import answers
from astroscale_gateway.domain.star import Row
from astroscale_gateway.metrics import GatewayMetrics
from astroscale_gateway.wire import ReplyReader, bad_reply, message_of

RETRY_SECONDS: Final = 0.5
WATCH_SECONDS: Final = 1.0


class Transport(Protocol):
    """What carries requests: `messaging.requests.RequestClient`, or a test's own."""

    async def start(self) -> None:
        """Connect."""
        ...

    async def stop(self) -> None:
        """Fail what waits, and disconnect."""
        ...

    def alive(self) -> bool:
        """Whether replies are being read."""
        ...

    async def request(self, kind: str, value: bytes, *, timeout: float) -> Reply:
        """Send, and wait for the reply."""
        ...


class Relay:
    """Keeps a transport connected, and speaks the contract of requests over it."""

    def __init__(self, connect: Callable[[], Awaitable[Transport]], metrics: GatewayMetrics) -> None:
        self._connect = connect
        self._metrics = metrics
        self._log = logging.get("relay")
        self._reader = ReplyReader()
        self._transport: Transport | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.answered_at = float("-inf")  # monotonic time of the last answer from inference

    async def start(self) -> None:
        """Connect, and stay connected. Returns at once: a broker that is not there yet is waited for."""
        self._keeper = asyncio.create_task(self._keep(), name="relay")

    async def stop(self) -> None:
        """Disconnect; what still waits fails with `shutting_down`."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._drop()

    def unready(self) -> list[str]:
        """Why no reply can come."""
        if self._transport is None:
            return ["the broker is not reached yet"]
        return [] if self._transport.alive() else ["the replies' reader has ended; it is being started again"]

    async def predict(self, rows: Sequence[Row], timeout: float) -> list[bytes]:
        """Each row's answer (see `domain.answer.answers`). AstroScaleError `starting`, `bad_reply`, those of
        `RequestClient.request`, and inference's own."""
        began = time.perf_counter()
        reply = await self._ask(PREDICT, message_of(rows), timeout)
        self._metrics.batch_rows.observe(len(rows))
        self._metrics.relay_duration.observe(time.perf_counter() - began)
        return answers(self._reader.read(reply.value, len(rows)))

    async def ask_table(self, message: bytes, timeout: float) -> bytes:
        """The reply's content to a message of many stars. Errors as of `predict`."""
        began = time.perf_counter()
        reply = await self._ask(PREDICT, message, timeout)
        self._metrics.relay_duration.observe(time.perf_counter() - began)
        return reply.value

    async def model(self, timeout: float) -> dict[str, Any]:
        """What inference says of the model that it serves. Errors as of `predict`."""
        reply = await self._ask(MODEL, b"-", timeout)
        try:
            said: dict[str, Any] = orjson.loads(reply.value)
        except orjson.JSONDecodeError as error:
            raise bad_reply("is no JSON") from error
        return said

    async def _ask(self, kind: str, value: bytes, timeout: float) -> Reply:
        transport = self._transport
        if transport is None or not transport.alive():
            raise AstroScaleError("starting", "the way to inference is not open yet; try again", retryable=True)
        reply = await transport.request(kind, value, timeout=timeout)
        self.answered_at = time.monotonic()
        return reply

    async def _keep(self) -> None:
        said = False
        while True:
            if self._transport is not None and not self._transport.alive():
                self._log.error("replies_reader_ended")
                await self._drop()
            if self._transport is None:
                try:
                    self._transport = await self._connect()
                    self._log.info("relay_connected")
                    said = False
                except Exception as error:  # noqa: BLE001 - clients fail in many types; all mean: not there yet
                    if not said:
                        self._log.warning("relay_not_connected", error=type(error).__name__, reason=str(error))
                        said = True
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
            await asyncio.sleep(WATCH_SECONDS)

    async def _drop(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            try:
                await transport.stop()
            except Exception as error:  # noqa: BLE001 - it is given up either way
                self._log.warning("relay_not_closed", error=type(error).__name__, reason=str(error))
