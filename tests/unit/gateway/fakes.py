"""A way to inference without a broker: the contract's bytes in, the contract's bytes out."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping

import numpy as np
import orjson
import pyarrow as pa
from astroscale_shared.messaging import codec, ledger, raw
from astroscale_shared.messaging.contracts import ARROW, CONTENT_TYPE, REPLY_SCHEMA, LedgerTotals
from astroscale_shared.messaging.requests import MODEL, Reply
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.flags import flags_of
from astroscale_shared.stars.redshift import redshift

VERSION = "4f2a9c81d03b"
WIDTHS = {"q05": -30.0, "q16": -15.0, "q50": 0.0, "q84": 15.0, "q95": 30.0}


def velocity_of(ra: float, dec: float) -> float:
    """What the fake model says, km/s: a star's own answer, so that a mixed-up order shows."""
    return ra / 10 + dec


def reply_to(value: bytes) -> bytes:
    """The reply's bytes to a request's bytes."""
    stars = raw.parse(value, {CONTENT_TYPE: ARROW}).stars
    velocity = (stars.numeric["ra"] / 10 + stars.numeric["dec"]).astype(np.float32)
    n = len(stars)
    named = {
        "radial_velocity_kms": velocity,
        "predicted_z": redshift(velocity),
        **{name: velocity + np.float32(offset) for name, offset in WIDTHS.items()},
        "tail_probability": pa.nulls(n, pa.float32()),
        "flags": flags_of(stars),
        "model_name": pa.array(["default"] * n).dictionary_encode(),
        "model_version": pa.array([VERSION] * n).dictionary_encode(),
    }
    arrays = [
        pa.array(named[f.name], type=f.type) if not isinstance(named[f.name], pa.Array) else named[f.name]
        for f in REPLY_SCHEMA
    ]
    return codec.to_bytes(pa.RecordBatch.from_arrays(arrays, schema=REPLY_SCHEMA))


class FakeTransport:
    """Answers as inference does. `rows`: stars of each message so far. `gate`: replies wait while it is not set, those
    to messages of so many rows as `waits` says.

    `fail`: given a message's bytes, the error to raise instead, or None.
    """

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.waits: Callable[[int], bool] = lambda _rows: True
        self.fail: Callable[[bytes], AstroScaleError | None] = lambda _value: None
        self.reply: Callable[[bytes], bytes] = reply_to
        self.running = False
        self.model_error: Exception | None = None

    async def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False

    def alive(self) -> bool:
        return self.running

    async def request(self, kind: str, value: bytes, *, timeout: float) -> Reply:
        if kind == MODEL and self.model_error is not None:
            raise self.model_error
        if kind == MODEL:
            card = {"model_type": "fake"}
            said = {"name": "default", "version": VERSION, "slot": "default", "encoding_version": 1, "sha256": "0" * 64}
            return Reply(orjson.dumps({**said, "card": card}), {})
        self.rows.append(codec.from_trusted(value).num_rows)
        try:
            async with asyncio.timeout(timeout):
                if self.waits(self.rows[-1]):
                    await self.gate.wait()
        except TimeoutError as error:
            raise AstroScaleError("deadline_exceeded", f"no prediction within {timeout:g} s", retryable=True) from error
        error = self.fail(value)
        if error is not None:
            raise error
        return Reply(self.reply(value), {})


class FakeLedger:
    """The ledger's topic: what `write` has put there."""

    def __init__(self) -> None:
        self._latest: dict[bytes, bytes] = {}
        self._moved = asyncio.Event()

    def write(self, *totals: LedgerTotals) -> None:
        self._latest |= {ledger.key_of(entry): entry.model_dump_json().encode() for entry in totals}
        self._moved.set()

    async def follow(self) -> AsyncGenerator[Mapping[bytes, bytes]]:
        while True:
            await self._moved.wait()
            self._moved.clear()
            yield self._latest
