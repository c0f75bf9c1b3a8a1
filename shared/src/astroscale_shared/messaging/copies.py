"""Copies of messages, put onto a topic in transactions by an operator's command."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka import codec as packing
from aiokafka.structs import OffsetAndMetadata

from astroscale_shared.messaging import clients, codec, headers, provenance
from astroscale_shared.messaging.outcome import Outgoing
from astroscale_shared.messaging.provenance import FIRST, Provenance
from astroscale_shared.messaging.topics import MAX_MESSAGE_BYTES
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

WireHeaders = Iterable[tuple[str, bytes | None]]

MAX_MESSAGES: Final = 200
MAX_BYTES: Final = 8 << 20
"""Of one transaction."""

_PROVENANCE: Final = frozenset({provenance.ORIGIN, provenance.HOP, provenance.ROWS, provenance.REPLAY})
_LARGEST: Final = MAX_MESSAGE_BYTES + 40_000
"""What the broker takes by default, as it is compressed."""


def producer(settings: KafkaSettings, transactional_id: str) -> AIOKafkaProducer:
    """Once started, it has ended whatever another one of this id was about to do."""
    return clients.producer(
        settings,
        transactional_id=transactional_id,
        transaction_timeout_ms=60_000,
        # The broker limits what is compressed: a message that came to us may be far larger unpacked.
        max_request_size=codec.MAX_DECODED_BYTES,
    )


def said(of: WireHeaders) -> Provenance:
    """Where a message says that it comes from; of what cannot be read, nothing."""
    try:
        return provenance.read(headers.read(of))
    except AstroScaleError:
        return FIRST


def with_provenance(of: WireHeaders, new: Provenance) -> Any:
    """A message's headers, with what they say of its way replaced."""
    kept = [(name, value) for name, value in of if name.lower() not in _PROVENANCE]
    return kept + provenance.write(new)


def fits(message: Outgoing, compression: str) -> bool:
    """Whether the broker takes it: as large as it is, or as large as it becomes."""
    parts = [message.value, message.key or b"", *(value or b"" for _, value in message.headers)]
    if sum(map(len, parts)) <= MAX_MESSAGE_BYTES:
        return True
    packed = b"".join(parts) if compression == "none" else getattr(packing, f"{compression}_encode")(b"".join(parts))
    return len(packed) <= _LARGEST


async def send(client: AIOKafkaProducer, messages: Sequence[Outgoing]) -> list[int]:
    """Send inside a transaction; the offset of each, once the broker has them."""
    sent = [
        await clients.send(client, m.topic, m.value, key=m.key, headers=m.headers, partition=m.partition)
        for m in messages
    ]
    return [done.offset for done in await asyncio.gather(*sent)]


async def keep_place(client: AIOKafkaProducer, group: str, offsets: Mapping[TopicPartition, tuple[int, str]]) -> None:
    """Inside a transaction: a group's offsets and what is noted beside each."""
    places = {tp: OffsetAndMetadata(offset, note) for tp, (offset, note) in offsets.items()}
    await client.send_offsets_to_transaction(places, group)
