"""From the raw record's broker timestamp to a reader of committed predictions, beside two bare pipes in a row.

`python -m tests.bench.stream.latency BOOTSTRAP IN OUT RATE COUNT stars|lines` sends COUNT single stars, RATE a second,
and prints each one's milliseconds as JSON. `stars`: OUT has predictions; `lines`: it has what the pipes forward.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import uvloop
from aiokafka import TopicPartition
from astroscale_shared.messaging import clients, codec, headers, topics
from astroscale_shared.messaging.contracts import JSON
from astroscale_shared.runtime.settings import KafkaSettings

from tests.bench.report import Row, percentile
from tests.bench.stream import broker, samples
from tests.bench.stream.broker import PARTITIONS
from tests.bench.stream.programs import running
from tests.bench.stream.sizes import Sizes
from tests.support.services import running_service

FAST: Final = 5_000
SLOW: Final = 1
_GRACE_S: Final = 30.0


async def measure(settings: KafkaSettings, folder: Path, sizes: Sizes) -> list[Row]:
    """Both rates, services and pipes in turning order."""
    there, between, back = (f"bench.{where}.{uuid.uuid4().hex[:8]}" for where in ("there", "between", "back"))
    await broker.make_topics(settings, there, between, back)
    for group, topic in ((topics.PREPROCESSOR_GROUP, topics.RAW), (topics.SCORING_GROUP, topics.ENCODED)):
        await broker.skip(settings, group, topic)
    figures: dict[tuple[str, int], list[list[float]]] = {}
    ways = {"stars": (topics.RAW, topics.PREDICTIONS), "lines": (there, back)}
    counts = {FAST: int(FAST * sizes.latency_s), SLOW: sizes.slow_stars}
    with contextlib.ExitStack() as stack:
        for name in ("preprocessor", "inference"):
            stack.enter_context(running_service(name, settings, folder))
        pipes = [
            stack.enter_context(
                running("tests.bench.stream.pipe", settings.bootstrap_servers, one, other, f"{one}.pipe", "forward")
            )
            for one, other in ((there, between), (between, back))
        ]
        await broker.until(lambda: all(pipe.ready == PARTITIONS for pipe in pipes), "the pipes are ready", 30)
        for way, (first, last) in ways.items():  # warm-up, not counted
            await _run(settings, first, last, FAST, FAST, way)
        for repeat in range(sizes.repeats):
            for rate, count in counts.items():
                for way, (first, last) in list(ways.items())[:: 1 if repeat % 2 == 0 else -1]:
                    found = await _run(settings, first, last, rate, count, way)
                    figures.setdefault((way, rate), []).append(found)
    return _rows(figures, sizes)


async def _run(settings: KafkaSettings, first: str, last: str, rate: int, count: int, way: str) -> list[float]:
    arguments = (settings.bootstrap_servers, first, last, rate, count, way)
    command = [sys.executable, "-m", "tests.bench.stream.latency", *map(str, arguments)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    found: list[float] = json.loads(done.stdout)
    return found


def _rows(figures: dict[tuple[str, int], list[list[float]]], sizes: Sizes) -> list[Row]:
    def row(rate: int, share: float, aim: float) -> Row:
        values = [percentile(run, share) for run in figures["stars", rate]]
        beside = [percentile(run, share) for run in figures["lines", rate]]
        name = f"raw -> prediction p{share * 100:.0f} at {rate:,} stars/s"
        count = len(figures["stars", rate][0])
        note = f"{count:,} single stars, both stages exactly once"
        return Row(name, "ms", values, "two bare pipes in a row", beside, value_at_most=aim, note=note)

    return [row(FAST, 0.5, 50), row(FAST, 0.95, 100), row(SLOW, 0.95, 60)]


class Watch:
    """Sends, and sees what comes of it."""

    def __init__(self, way: str) -> None:
        self._way = way
        self._arrived: dict[Any, float] = {}
        self._sent: dict[Any, float] = {}

    async def run(self, settings: KafkaSettings, first: str, last: str, rate: int, count: int) -> list[float]:
        """Milliseconds of each star."""
        consumer = clients.consumer(settings, group_id=None)
        producer = clients.producer(settings)
        await consumer.start()
        await producer.start()
        partitions = [TopicPartition(last, p) for p in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_end(*partitions)
        await asyncio.gather(*(consumer.position(tp) for tp in partitions))
        seeing = asyncio.create_task(self._see(consumer))
        try:
            await self._send(producer, first, rate, count)
            end = time.monotonic() + _GRACE_S
            while self._sent.keys() - self._arrived.keys():
                assert time.monotonic() < end, f"{len(self._sent.keys() - self._arrived.keys())} stars did not arrive"
                assert not seeing.done(), seeing
                await asyncio.sleep(0.02)
            return [(self._arrived[key] - sent) * 1000 for key, sent in self._sent.items()]
        finally:
            seeing.cancel()
            await producer.stop()
            await consumer.stop()

    async def _send(self, producer: Any, topic: str, rate: int, count: int) -> None:
        stars = samples.star_json(min(count, 5_000))
        said = headers.write(content_type=JSON)
        acknowledged: list[asyncio.Future[Any]] = []
        began = time.monotonic()
        while len(acknowledged) < count:
            due = min(count, int((time.monotonic() - began) * rate) + 1)
            for i in range(len(acknowledged), due):
                star = stars[i % len(stars)]
                value = star if self._way == "stars" else b"%d %b" % (i, star)
                acknowledged.append(await clients.send(producer, topic, value, headers=said, partition=i % PARTITIONS))
            await asyncio.sleep(0.001)
        for i, made in enumerate(await asyncio.gather(*acknowledged)):
            # The topic keeps the broker's time: that is where the way begins.
            self._sent[(made.partition, made.offset) if self._way == "stars" else i] = made.timestamp / 1000

    async def _see(self, consumer: Any) -> None:
        while True:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                now = time.time()
                for record in records:
                    for key in self._keys(record.value):
                        assert key not in self._arrived, f"{key} arrived twice"
                        self._arrived[key] = now

    def _keys(self, value: bytes) -> Iterator[Any]:
        if self._way == "lines":
            yield from (int(line.split(b" ", 1)[0]) for line in value.splitlines())
        else:
            batch = codec.from_trusted(value)
            yield from zip(*(batch.column(name).to_pylist() for name in ("raw_partition", "raw_offset")), strict=True)


def main() -> None:
    """Command line."""
    bootstrap, first, last, rate, count, way = sys.argv[1:]
    work = Watch(way).run(KafkaSettings(bootstrap_servers=bootstrap), first, last, int(rate), int(count))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(work)))


if __name__ == "__main__":
    main()
