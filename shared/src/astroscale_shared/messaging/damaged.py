"""A batch of records that the client cannot unfold: damaged on disk or on the wire, or not what its codec says.

The client raises instead of giving its records, and would be asked for them for ever. Read once more, by itself, the batch
says where it ends, so that its bytes can be kept in a dead letter and what follows goes on.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import CorruptRecordException, KafkaError, UnsupportedCodecError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords

from astroscale_shared.messaging import clients
from astroscale_shared.messaging.reasons import Reason
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

_READ_COMMITTED: Final = 1
_LENGTH: Final = struct.Struct(">qi")
_MOST_BYTES: Final = 8 << 20
_MOST_RECORDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for all messages of a batch that cannot be unfolded, as one. value: the batch, as the broker keeps it.

    offset: of the last of them, so that whoever goes on after it goes on after all; first: of the first."""

    topic: str
    partition: int
    first: int
    offset: int
    timestamp: int
    value: bytes
    detail: str
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def check(record: Any) -> None:
    """AstroScaleError `bad_codec` where a record stands for a batch that cannot be unfolded."""
    if isinstance(record, Unreadable):
        raise AstroScaleError(Reason.BAD_CODEC, record.detail)


def is_damage(error: Exception) -> bool:
    """Whether what the client raises is about the bytes of a batch, and not about the broker or the group."""
    if isinstance(error, KafkaError):
        return isinstance(error, (CorruptRecordException, UnsupportedCodecError))
    return isinstance(error, (ValueError, EOFError, OSError)) or type(error).__module__.startswith(("zlib", "cramjam"))


async def find(settings: KafkaSettings, tp: TopicPartition, offset: int) -> Unreadable | None:
    """The first batch from `offset` on that cannot be unfolded; None where all can (this time).

    AstroScaleError `codec_missing` where the batch is sound and this installation lacks its codec; `unreadable_batch`
    where the end of the batch cannot be told.
    """
    damaged: tuple[bytes, Any, Exception] | None = None
    for value, batch in _batches(await _fetch(settings, tp, offset)):
        if damaged is not None:
            return _unreadable(tp, offset, *damaged, batch.base_offset)
        try:
            _unfold(batch)
        except UnsupportedCodecError as missing:
            at = f"{tp.topic} partition {tp.partition}, offset {batch.base_offset}"
            raise AstroScaleError("codec_missing", f"{at}: {missing}") from missing
        except Exception as error:
            if not is_damage(error):
                raise
            damaged = (value, batch, error)
    return None if damaged is None else _unreadable(tp, offset, *damaged, damaged[1].next_offset)


def _batches(data: bytes) -> Iterator[tuple[bytes, Any]]:
    """Each whole batch of a fetch, and its bytes. One begins with its offset and how long the rest is."""
    at = 0
    while at + _LENGTH.size <= len(data):
        end = at + _LENGTH.size + max(0, _LENGTH.unpack_from(data, at)[1])
        if end > len(data):
            return
        yield data[at:end], MemoryRecords(data[at:end]).next_batch()
        at = end


def _unfold(batch: Any) -> None:
    if not batch.validate_crc():
        raise CorruptRecordException("the checksum is wrong")
    if not batch.is_control_batch:
        for _ in batch:
            pass


def _unreadable(
    tp: TopicPartition, offset: int, value: bytes, batch: Any, error: Exception, following: int
) -> Unreadable:
    first = max(offset, batch.base_offset)
    at = f"{tp.topic} partition {tp.partition}, offsets {first} to {following - 1}"
    # The header that says where a batch ends is under the checksum too.
    if not first < following <= first + _MOST_RECORDS:
        raise AstroScaleError("unreadable_batch", f"{at}: {error}; where the batch ends cannot be told")
    detail = f"{at}: {type(error).__name__}: {error}"
    return Unreadable(tp.topic, tp.partition, first, following - 1, batch.max_timestamp, value, detail)


async def _fetch(settings: KafkaSettings, tp: TopicPartition, offset: int) -> bytes:
    client = AIOKafkaClient(**clients.connection(settings))
    try:
        await client.bootstrap()
        await client.set_topics([tp.topic])
        leader = client.cluster.leader_for_partition(tp)
        wanted = [(tp.topic, [(tp.partition, offset, _MOST_BYTES)])]
        answer: Any = await client.send(leader, FetchRequest(500, 1, _MOST_BYTES, _READ_COMMITTED, wanted, rack_id=""))
        return bytes(answer.topics[0][1][0][-1])
    finally:
        await client.close()
