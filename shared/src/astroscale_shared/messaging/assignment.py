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
    """Where to go on, and the state there. expired: offsets between what was committed and the first that is left."""

    offset: int
    state: str
    expired: int = 0


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
    """Where to go on in each partition: the committed offset and its metadata, or the first that retention has left; of
    a group that is new, the beginning."""
    admin = clients.admin(settings)
    await admin.start()
    try:
        committed = await admin.list_consumer_group_offsets(group, partitions=list(partitions))
    finally:
        await admin.close()
    first = await consumer.beginning_offsets(partitions)
    found: dict[TopicPartition, Begin] = {}
    for tp in partitions:
        at = committed.get(tp)
        if at is None or at.offset < 0:
            found[tp] = Begin(first[tp], "")
        else:
            found[tp] = Begin(max(at.offset, first[tp]), at.metadata, max(0, first[tp] - at.offset))
    return found
