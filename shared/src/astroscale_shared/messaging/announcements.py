"""Which model each slot holds: read from and written to the compacted topic of published models."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from aiokafka import TopicPartition

from astroscale_shared.messaging import clients, topics
from astroscale_shared.registry.announcement import ModelAnnouncement
from astroscale_shared.registry.store import ModelRef, Registry
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings


def of(registry: Registry, ref: ModelRef, *, slot: str | None = None) -> ModelAnnouncement:
    """The announcement that puts a model into a slot (by default the one of its own name)."""
    _, card = registry.load(ref.name, ref.version)
    return ModelAnnouncement(
        slot=slot or ref.name,
        name=ref.name,
        version=ref.version,
        sha256=ref.sha256,
        address=f"{ref.name}/{ref.version}",
        encoding_version=card.encoding_version,
        published_at=datetime.now(UTC),
    )


async def announce(settings: KafkaSettings, announcement: ModelAnnouncement) -> None:
    """Write it, and return once the broker has it."""
    producer = clients.producer(settings)
    await producer.start()
    try:
        await producer.send_and_wait(topics.MODELS, announcement.to_bytes(), key=announcement.slot.encode())
    finally:
        await producer.stop()


async def latest(settings: KafkaSettings) -> dict[str, ModelAnnouncement]:
    """The present announcement of each slot."""
    found: dict[str, ModelAnnouncement] = {}
    for message in await clients.read_to_end(settings, topics.MODELS):
        announcement = _parse(message)
        if announcement is not None:
            found[announcement.slot] = announcement
    return found


async def follow(settings: KafkaSettings) -> AsyncIterator[ModelAnnouncement | None]:
    """All announcements from the beginning on, for ever; None once, where the topic ended when we began: what came
    before it is the state to start from. Without a group: every replica reads all."""
    client = clients.consumer(settings, group_id=None)
    await client.start()
    try:
        caught_up = False
        await client.topics()
        tp = TopicPartition(topics.MODELS, 0)
        client.assign([tp])
        await client.seek_to_beginning(tp)
        end = (await client.end_offsets([tp]))[tp]
        while True:
            if not caught_up and await client.position(tp) >= end:
                caught_up = True
                yield None
            for messages in (await client.getmany(tp, timeout_ms=200)).values():
                for message in messages:
                    announcement = _parse(message)
                    if announcement is not None:
                        yield announcement
    finally:
        await client.stop()


def _parse(message: object) -> ModelAnnouncement | None:
    value: bytes | None = getattr(message, "value", None)
    if value is None:
        return None
    try:
        return ModelAnnouncement.from_bytes(value)
    except AstroScaleError as error:
        logging.get("announcements").warning("bad_announcement", code=error.code, reason=error.message)
        return None
