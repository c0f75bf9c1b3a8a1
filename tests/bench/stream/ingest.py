"""A Parquet table to the raw topic, beside a producer that sends the same bytes and does nothing else.

`python -m tests.bench.stream.ingest BOOTSTRAP FILE` ingests it once more and prints the seconds;
`python -m tests.bench.stream.ingest BOOTSTRAP FILE TOPIC` sends the messages that it becomes to TOPIC.
"""

import asyncio
import itertools
import sys
import time
import uuid
from pathlib import Path

import uvloop
from astroscale_ingestor.convert import messages
from astroscale_ingestor.ingest import CHUNK_ROWS, ingest, plan
from astroscale_shared.messaging import clients
from astroscale_shared.runtime.settings import KafkaSettings
from pyarrow import parquet

from tests.bench.report import Row
from tests.bench.stream import broker, samples
from tests.bench.stream.programs import seconds_of
from tests.bench.stream.sizes import Sizes

DISTINCT = 100


async def measure(settings: KafkaSettings, folder: Path, sizes: Sizes) -> list[Row]:
    """Both, in turning order."""
    file, topic = folder / "stars.parquet", f"bench.bare.{uuid.uuid4().hex[:8]}"
    await asyncio.to_thread(lambda: parquet.write_table(samples.table(sizes.ingest), file))
    await broker.make_topics(settings, topic)
    ingested: list[float] = []
    bare: list[float] = []
    runs = [((), ingested), ((topic,), bare)]
    for repeat in range(sizes.repeats):
        for arguments, into in runs if repeat % 2 == 0 else reversed(runs):
            seconds = await asyncio.to_thread(
                seconds_of, "tests.bench.stream.ingest", settings.bootstrap_servers, file, *arguments
            )
            into.append(sizes.ingest / seconds)
    return [
        Row(
            "ingest a Parquet table", "stars/s", ingested, "bare produce, same bytes", bare,
            value_at_least=500_000, at_least=0.5, note=f"{sizes.ingest:,} stars",
        )
    ]  # fmt: skip


async def _ingest(settings: KafkaSettings, file: Path) -> float:
    began = time.perf_counter()
    await ingest(settings, plan(file), again=True)
    return time.perf_counter() - began


async def _bare(settings: KafkaSettings, file: Path, topic: str) -> float:
    """All values are in memory before the time begins: up to DISTINCT of them, over and over."""
    what = plan(file)
    columns = dict(what.mapping.columns)
    chunks = itertools.islice(what.reader.chunks(list(columns.values()), CHUNK_ROWS), DISTINCT)
    values = [message.value for chunk in chunks for message in messages(chunk, columns)]
    count = -(-(what.reader.rows() or 0) // CHUNK_ROWS)
    producer = clients.producer(settings, linger_ms=5)
    await producer.start()
    try:
        began = time.perf_counter()
        for i in range(count):
            await clients.send(producer, topic, values[i % len(values)], partition=i % broker.PARTITIONS)
        await producer.flush()
        return time.perf_counter() - began
    finally:
        await producer.stop()


def main() -> None:
    """Command line."""
    bootstrap, file, *topic = sys.argv[1:]
    settings = KafkaSettings(bootstrap_servers=bootstrap)
    work = _bare(settings, Path(file), topic[0]) if topic else _ingest(settings, Path(file))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(runner.run(work))


if __name__ == "__main__":
    main()
