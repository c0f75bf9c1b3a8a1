"""What a partition's new owner needs before it reads: a transactional id that fences the old one, and where to go on."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from astroscale_shared.messaging import clients
from astroscale_shared.runtime.settings import KafkaSettings

TRANSACTION_TIMEOUT_MS: Final = 15_000


@dataclass(frozen=True, slots=True)
class Begin:
    """Where to go on, and the state there."""

    offset: int
    state: str


def owner(
    settings: KafkaSettings, group: str, tp: TopicPartition, options: dict[str, Any], *, timeout_ms: int
) -> AIOKafkaProducer:
    """The producer of a partition's owner. Once started, it has fenced the one before it."""
    return clients.producer(
        settings,
        transactional_id=f"{group}-{tp.topic}-{tp.partition}",
        transaction_timeout_ms=timeout_ms,
        **options,
    )


async def close(producer: AIOKafkaProducer) -> None:
    """Stop a producer that may be fenced or disconnected: such a one cannot close in order, and need not; the broker has
    already ended its transaction."""
    with contextlib.suppress(KafkaError, asyncio.TimeoutError):
        await asyncio.wait_for(producer.stop(), 10.0)


async def begins(
    settings: KafkaSettings, group: str, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, Begin]:
    """Where to go on in each partition: the committed offset and its metadata, else the beginning."""
    admin = clients.admin(settings)
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(group, partitions=list(partitions))
    finally:
        await admin.close()
    begins = {tp: Begin(at.offset, at.metadata) for tp, at in found.items() if at.offset >= 0}
    fresh = [tp for tp in partitions if tp not in begins]
    if fresh:
        begins |= {tp: Begin(offset, "") for tp, offset in (await consumer.beginning_offsets(fresh)).items()}
    return begins
