"""What all measurements on the broker share: topics filled in one go, and when the last row of what came of them was
there by the broker's clock."""

import asyncio
import time
from collections.abc import Callable, Sequence

from aiokafka import TopicPartition
from aiokafka.admin import NewTopic
from astroscale_shared.messaging import clients
from astroscale_shared.messaging.transactions import Outgoing
from astroscale_shared.runtime.settings import KafkaSettings

PARTITIONS = 4
_POLL_S = 0.25
"""Seldom, since a service answers this beside its work; what counts is the broker's clock."""


async def make_topics(settings: KafkaSettings, *names: str) -> None:
    """Topics of four partitions that keep the broker's time, as those of the data plane."""
    admin = clients.admin(settings)
    await admin.start()
    try:
        config = {"message.timestamp.type": "LogAppendTime"}
        await admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs=config) for name in names])
    finally:
        await admin.close()


async def fill(settings: KafkaSettings, messages: Sequence[Outgoing]) -> float:
    """Write all messages in one transaction: who reads committed records sees all of them at once. Returns that moment
    (seconds of the machine's clock), so that neither starting up nor writing is measured."""
    producer = clients.producer(settings, transactional_id="bench.fill", transaction_timeout_ms=600_000, linger_ms=5)
    await producer.start()
    try:
        async with producer.transaction():
            for message in messages:
                await clients.send(
                    producer, message.topic, message.value, headers=message.headers, partition=message.partition
                )
            await producer.flush()
        return time.time()
    finally:
        await producer.stop()


async def ends(settings: KafkaSettings, topic: str) -> dict[TopicPartition, int]:
    """Where each partition ends now."""
    partitions = [TopicPartition(topic, p) for p in range(PARTITIONS)]
    consumer = clients.consumer(settings, group_id=None)
    await consumer.start()
    try:
        return await consumer.end_offsets(partitions)
    finally:
        await consumer.stop()


async def last_append(settings: KafkaSettings, topic: str, since: dict[TopicPartition, int]) -> float:
    """The broker's time (seconds) of the newest record after these offsets."""
    consumer = clients.consumer(settings, group_id=None, fetch_max_wait_ms=20)
    await consumer.start()
    newest = 0.0
    try:
        for tp, end in (await ends(settings, topic)).items():
            if end <= since[tp]:
                continue
            consumer.assign([tp])
            # Markers of transactions have offsets of their own: a few steps back there is a record.
            consumer.seek(tp, max(since[tp], end - 4))
            while await consumer.position(tp) < end:
                for record in (await consumer.getmany(tp, timeout_ms=200)).get(tp, []):
                    newest = max(newest, record.timestamp / 1000)
    finally:
        await consumer.stop()
    return newest


async def skip(settings: KafkaSettings, group: str, topic: str) -> None:
    """Let a group, none of whose members runs, begin at the end of a topic."""
    at = await ends(settings, topic)
    consumer = clients.consumer(settings, group_id=group)
    await consumer.start()
    try:
        consumer.assign(list(at))
        await consumer.commit(at)
    finally:
        await consumer.stop()


async def until(reached: Callable[[], bool], what: str, timeout: float = 600.0) -> None:
    """Wait until it is so."""
    end = time.monotonic() + timeout
    while not await asyncio.to_thread(reached):
        assert time.monotonic() < end, f"not within {timeout:.0f} s: {what}"
        await asyncio.sleep(_POLL_S)
