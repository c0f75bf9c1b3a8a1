"""The reference of single messages: a plain FastStream handler with a pydantic model, that publishes what it made.

`python -m tests.bench.stream.plain BOOTSTRAP IN OUT` runs until it is stopped. It does less than the preprocessor:
at-most-once, a few features, no dead letters. It says on its output how many stars it has handled.
"""

import asyncio
import contextlib
import math
import sys

import uvloop
from faststream.kafka import KafkaBroker
from pydantic import BaseModel, Field


class Star(BaseModel):
    """One star."""

    ra: float = Field(ge=0, lt=360)
    dec: float = Field(ge=-90, le=90)
    teff: float | None = None
    logg: float | None = None
    fe_h: float | None = None
    snr: float | None = None
    parallax: float | None = None
    source_id: str | None = None


class Encoded(BaseModel):
    """What it becomes."""

    source_id: str | None
    features: list[float]


async def run(bootstrap: str, topic: str, out: str) -> None:
    """For ever."""
    broker = KafkaBroker(bootstrap, log_level=40)
    handled = 0

    @broker.subscriber(topic, group_id=f"{topic}.plain", auto_offset_reset="latest", auto_commit_interval_ms=1_000)
    @broker.publisher(out)
    async def handle(star: Star) -> Encoded:  # pyright: ignore[reportUnusedFunction]
        nonlocal handled
        ra, dec = math.radians(star.ra), math.radians(star.dec)
        handled += 1
        if handled % 100 == 0:
            print(handled, flush=True)
        return Encoded(
            source_id=star.source_id,
            features=[
                (star.teff or 0) / 5_000, (star.logg or 0) / 3, star.fe_h or 0.0, math.log10((star.snr or 0) + 1),
                math.asinh(star.parallax or 0), math.cos(dec) * math.cos(ra), math.cos(dec) * math.sin(ra), math.sin(dec),
            ],
        )  # fmt: skip

    await broker.start()
    print("ready", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Command line."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, contextlib.suppress(KeyboardInterrupt):
        runner.run(run(*sys.argv[1:4]))


if __name__ == "__main__":
    main()
