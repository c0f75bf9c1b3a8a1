"""The reference of the data plane: a bare transactional pipe that reads and writes as many bytes, and does no work.

`python -m tests.bench.stream.pipe BOOTSTRAP IN OUT GROUP SAMPLE` runs until it is stopped. A transactional id, a
consumer and a task for each partition, with the options of the services' own clients. For each message that comes in,
those of the file SAMPLE (pickled by the benchmark: a list of bytes) go out; if SAMPLE is `forward`, what comes in goes
out, the messages of a transaction as lines of one. It says on its output how many it has taken in, after each commit.
"""

import asyncio
import contextlib
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata
from astroscale_shared.messaging import clients
from astroscale_shared.runtime.settings import KafkaSettings

PARTITIONS = 4


class Pipe:
    """All partitions."""

    def __init__(self, bootstrap: str, topic: str, out: str, group: str, sample: list[bytes] | None) -> None:
        self._settings = KafkaSettings(bootstrap_servers=bootstrap)
        self._topic, self._out, self._group = topic, out, group
        self._sample = sample
        self._taken = 0

    async def run(self) -> None:
        """For ever."""
        pumps = [asyncio.create_task(self._pump(partition)) for partition in range(PARTITIONS)]
        await asyncio.gather(*pumps)

    async def _pump(self, partition: int) -> None:
        tp = TopicPartition(self._topic, partition)
        consumer = clients.consumer(self._settings, max_partition_fetch_bytes=4 << 20, fetch_max_wait_ms=100)
        producer = clients.producer(self._settings, transactional_id=f"{self._group}-{partition}")
        await consumer.start()
        await producer.start()
        consumer.assign([tp])
        await consumer.seek_to_end(tp)
        print("ready", flush=True)
        while True:
            records = (await consumer.getmany(tp, timeout_ms=500, max_records=2_000)).get(tp, [])
            if not records:
                continue
            async with producer.transaction():
                sent = [
                    await clients.send(producer, self._out, value, partition=partition)
                    for value in self._made_of(records)
                ]
                following = OffsetAndMetadata(records[-1].offset + 1, "")
                await producer.send_offsets_to_transaction({tp: following}, self._group)
                await asyncio.gather(*sent)
            self._taken += len(records)
            print(self._taken, flush=True)

    def _made_of(self, records: Sequence[Any]) -> list[bytes]:
        if self._sample is None:
            return [b"\n".join(record.value for record in records)]
        return self._sample * len(records)


def main() -> None:
    """Command line."""
    bootstrap, topic, out, group, sample = sys.argv[1:]
    values: list[bytes] | None = None
    if sample != "forward":
        values = pickle.loads(Path(sample).read_bytes())  # noqa: S301 - written by the benchmark itself
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, contextlib.suppress(KeyboardInterrupt):
        runner.run(Pipe(bootstrap, topic, out, group, values).run())


if __name__ == "__main__":
    main()
