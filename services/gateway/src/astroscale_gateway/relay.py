"""The way to inference and back: rows -> a message of the request topic -> the reply's scores."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

import numpy as np
import orjson
import pyarrow as pa
from astroscale_shared.messaging import codec
from astroscale_shared.messaging.contracts import RAW_SCHEMA, REPLY_SCHEMA
from astroscale_shared.messaging.requests import MODEL, PREDICT, Reply
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import INPUTS

from astroscale_gateway.domain.answer import QUANTILES, Scores, answers
from astroscale_gateway.domain.star import Row
from astroscale_gateway.metrics import GatewayMetrics

RETRY_SECONDS: Final = 0.5
WATCH_SECONDS: Final = 1.0
_RAW_COLUMNS: Final = tuple(zip(RAW_SCHEMA.names, RAW_SCHEMA.types, strict=True))
_NUMBERS: Final = ("radial_velocity_kms", *QUANTILES)
_NEEDED: Final = frozenset({*_NUMBERS, "flags", "model_name", "model_version"})


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
        return answers(_scores(reply.value, len(rows)))

    async def model(self, timeout: float) -> dict[str, Any]:
        """What inference says of the model that it serves. Errors as of `predict`."""
        reply = await self._ask(MODEL, b"-", timeout)
        try:
            said: dict[str, Any] = orjson.loads(reply.value)
        except orjson.JSONDecodeError as error:
            raise _bad_reply("is no JSON") from error
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


def message_of(rows: Sequence[Row]) -> bytes:
    """Rows as the content of a request: a batch of the raw topic, as `codec.raw_batch` makes it of observations.

    Built straight from the rows: by way of observations one star takes twice the time."""
    table = np.array(rows, dtype=np.float64)
    given = {column.name: codec.nullable(table[:, i], pa.float64()) for i, column in enumerate(INPUTS)}
    arrays = [given[name] if name in given else pa.nulls(len(rows), kind) for name, kind in _RAW_COLUMNS]
    return codec.to_bytes(pa.RecordBatch.from_arrays(arrays, schema=RAW_SCHEMA))


def _scores(value: bytes, rows: int) -> Scores:
    batch = codec.from_trusted(value)
    if batch.num_rows != rows:
        raise _bad_reply(f"has {batch.num_rows} rows for {rows} stars")
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    missing = _NEEDED - columns.keys()
    if missing:
        raise _bad_reply(f"lacks {', '.join(sorted(missing))}")
    numbers = np.array([columns[name].to_numpy(zero_copy_only=False) for name in _NUMBERS], dtype=np.float32)
    if not np.isfinite(numbers).all():
        raise AstroScaleError("not_finite_prediction", "the model gave no finite velocity for this star")
    metadata = batch.schema.metadata or REPLY_SCHEMA.metadata
    return Scores(
        radial_velocity_kms=numbers[0],
        quantiles_kms=numbers[1:].T,
        flags=np.asarray(columns["flags"].to_numpy(zero_copy_only=False), dtype=np.uint32),
        model_name=str(columns["model_name"][0].as_py()),
        model_version=str(columns["model_version"][0].as_py()),
        encoding_version=int(metadata[b"encoding_version"]),
    )


def _bad_reply(what: str) -> AstroScaleError:
    return AstroScaleError("bad_reply", f"inference sent a reply that {what}; try again", retryable=True)
