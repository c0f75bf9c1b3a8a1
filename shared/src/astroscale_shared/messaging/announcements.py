"""Which model each slot holds: read from and written to the compacted topic of published models."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from astroscale_shared.messaging import clients, following, topics
from astroscale_shared.registry.announcement import ModelAnnouncement
from astroscale_shared.registry.store import ModelRef, Registry
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A slot that points at nothing any more: a record without a value."""

    slot: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A slot whose last record is no announcement, and what is wrong with it."""

    slot: str
    error: AstroScaleError


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
    await _write(settings, announcement.slot, announcement.to_bytes())


async def withdraw(settings: KafkaSettings, slot: str) -> None:
    """Let the slot point at nothing: a tombstone, which readers take at once and compaction removes in time."""
    await _write(settings, slot, None)


async def latest(settings: KafkaSettings) -> dict[str, ModelAnnouncement]:
    """The present announcement of each slot."""
    found: dict[str, ModelAnnouncement] = {}
    for message in await clients.read_to_end(settings, topics.MODELS):
        said = _parse(message)
        if isinstance(said, Unreadable):
            continue
        if isinstance(said, Withdrawn):
            found.pop(said.slot, None)
        elif said is not None:
            found[said.slot] = said
    return found


async def follow(settings: KafkaSettings) -> AsyncGenerator[ModelAnnouncement | Withdrawn | Unreadable | None]:
    """All that is said of slots from the beginning on, for ever; None once, where the topic ended when we began:
    what came before it is the state to start from. Without a group: every replica reads all."""
    async with aclosing(following.follow(settings, topics.MODELS)) as records:
        async for record in records:
            said = None if record is None else _parse(record)
            if record is None or said is not None:
                yield said


async def _write(settings: KafkaSettings, slot: str, value: bytes | None) -> None:
    producer = clients.producer(settings)
    await producer.start()
    try:
        await producer.send_and_wait(topics.MODELS, value, key=slot.encode())
    finally:
        await producer.stop()


def _parse(message: Any) -> ModelAnnouncement | Withdrawn | Unreadable | None:
    key: bytes | None = message.key
    value: bytes | None = message.value
    if value is None:
        return Withdrawn(key.decode("utf-8", "replace")) if key else None
    try:
        return ModelAnnouncement.from_bytes(value)
    except AstroScaleError as error:
        logging.get("announcements").warning("bad_announcement", code=error.code, reason=error.message)
        return Unreadable(key.decode("utf-8", "replace"), error) if key else None
