"""A transactions loop whose work can be seen: each record comes out as `<partition>:<offset>`, the state is the count of
records and of offsets that expired.

`python -m tests.support.pipes BOOTSTRAP IN OUT GROUP GATE HOLD TIMEOUT_MS` runs one as a process that can be killed or
stopped, with that time-out of its transactions. Until the file GATE is there it waits, and says so with a line: before it
computes a batch (HOLD compute), or when a transaction's records are at the broker (HOLD commit).
"""

import asyncio
import contextlib
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete
from astroscale_shared.messaging import clients
from astroscale_shared.messaging.transactions import Outcome, Outgoing, Process, TransactionsLoop
from astroscale_shared.runtime.settings import KafkaSettings


def echo(out: str, before: Callable[[Sequence[Any]], None] = lambda _: None) -> Process:
    """The loop's process: `before` runs first, in the loop's thread, and may wait or raise."""

    def process(records: Sequence[Any], state: str, expired: int = 0) -> Outcome:
        before(records)
        sent = [Outgoing(out, f"{r.partition}:{r.offset}".encode(), partition=0) for r in records]
        return Outcome(sent, str(int(state or 0) + len(records) + expired))

    return process


@asynccontextmanager
async def running(loop: TransactionsLoop) -> AsyncGenerator["asyncio.Task[None]"]:
    """Runs a loop until the end of the block; what it raised by then is raised."""
    task = asyncio.create_task(loop.run())
    try:
        yield task
    finally:
        loop.stop()
        await task


async def produce(
    settings: KafkaSettings, topic: str, count: int, partitions: int = 1, value: bytes = b"x" * 20
) -> list[str]:
    """Writes records in turn to each partition; returns `<partition>:<offset>` of each."""
    producer = clients.producer(settings)
    await producer.start()
    try:
        sent = [await producer.send(topic, value, partition=i % partitions) for i in range(count)]
        return [f"{done.partition}:{done.offset}" for done in await asyncio.gather(*sent)]
    finally:
        await producer.stop()


async def visible(settings: KafkaSettings, topic: str) -> Counter[str]:
    """What a reader of committed records sees, and how often."""
    return Counter(record.value.decode() for record in await clients.read_to_end(settings, topic))


async def committed(settings: KafkaSettings, group: str, topic: str) -> dict[int, tuple[int, str]]:
    """Committed offset and its metadata, by partition."""
    admin = clients.admin(settings)
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(group)
        return {tp.partition: (at.offset, at.metadata) for tp, at in found.items() if tp.topic == topic}
    finally:
        await admin.close()


async def until(condition: Callable[[], Any], what: str, timeout: float = 30.0) -> None:
    """Waits until a condition, plain or a coroutine's, holds."""
    end = time.monotonic() + timeout
    while True:
        held = condition()
        if asyncio.iscoroutine(held):
            held = await held
        if held:
            return
        assert time.monotonic() < end, f"not within {timeout:.0f} s: {what}"
        await asyncio.sleep(0.02)


async def fence(settings: KafkaSettings, group: str, topic: str, partition: int = 0) -> None:
    """What a partition's new owner does first: initialises the partition's transactional id."""
    tp = TopicPartition(topic, partition)
    owner = clients.producer(settings, transactional_id=f"{group}-{tp.topic}-{tp.partition}")
    await owner.start()
    await owner.stop()


async def expire(settings: KafkaSettings, topic: str, before: int, partition: int = 0) -> None:
    """Deletes what lies before an offset, as retention would."""
    admin = clients.admin(settings)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before)})
    finally:
        await admin.close()


async def _main(bootstrap: str, topic: str, out: str, group: str, gate: str, hold: str, timeout_ms: str) -> None:
    def wait(_: Sequence[Any]) -> None:
        print("batch", flush=True)
        while not Path(gate).exists():
            time.sleep(0.01)

    settings = KafkaSettings(bootstrap_servers=bootstrap)
    if hold == "commit":
        _hold_commits(Path(gate))
    loop = TransactionsLoop(
        settings,
        topic=topic,
        group=group,
        process=echo(out, wait) if hold == "compute" else echo(out),
        max_records=10,
        transaction_timeout_ms=int(timeout_ms),
    )
    await loop.run()


def _hold_commits(gate: Path) -> None:
    """Makes each transaction wait, its records at the broker, before its offsets are sent."""
    send = AIOKafkaProducer.send_offsets_to_transaction

    async def held(self: AIOKafkaProducer, offsets: Any, group_id: Any) -> None:
        await self.flush()
        print("open", flush=True)
        await until(gate.exists, "the gate", 120)
        await send(self, offsets, group_id)

    AIOKafkaProducer.send_offsets_to_transaction = held


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(*sys.argv[1:]))
