"""Stretches of a topic by offset or by time, read without any group."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from astroscale_shared.messaging import clients, topics
from astroscale_shared.messaging.clients import Spans
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a span begins or ends: an offset in each partition, or a broker's time in milliseconds since 1970."""

    offset: int | None = None
    at_ms: int | None = None


EVERYTHING: Final = Edge()
"""No edge: what a topic still holds, and what is committed now."""


@asynccontextmanager
async def reading(settings: KafkaSettings, *, deadline: float = 5.0) -> AsyncGenerator[AIOKafkaConsumer]:
    """A consumer of committed records that nobody else sees; AstroScaleError `kafka_unreachable`."""
    await clients.wait_for_broker(settings, deadline=deadline)
    # A broker answers a connection's requests in order: questions for offsets would wait behind an empty long poll.
    client = clients.consumer(
        settings, group_id=None, max_partition_fetch_bytes=topics.DLQ_MAX_BYTES, fetch_max_wait_ms=20
    )
    await client.start()
    await asyncio.sleep(0)  # a client that is stopped before its tasks have begun fails in doing so
    try:
        yield client
    finally:
        await clients.stop(client)


async def of(
    client: AIOKafkaConsumer,
    topic: str,
    begin: Edge = EVERYTHING,
    end: Edge = EVERYTHING,
    *,
    partition: int | None = None,
) -> Spans:
    """The span of each partition, or of one, cut to what is held and committed.

    Of times: from the first record that is not earlier than `begin`, up to the first that is not earlier than `end`.
    AstroScaleError: `topic_missing`, `partition_missing`.
    """
    there = await clients.partitions(client, topic)
    if partition is not None and partition not in there:
        raise AstroScaleError("partition_missing", f"topic {topic} has partitions 0 to {there[-1]}, not {partition}")
    asked = [TopicPartition(topic, p) for p in (there if partition is None else [partition])]
    client.assign(asked)
    first: dict[TopicPartition, int] = await client.beginning_offsets(asked)
    last: dict[TopicPartition, int] = await client.end_offsets(asked)
    begins = await _places(client, begin, first, last)
    ends = await _places(client, end, last, last)
    return {tp: (at := min(max(begins[tp], first[tp]), last[tp]), max(at, min(ends[tp], last[tp]))) for tp in asked}


async def record_at(client: AIOKafkaConsumer, topic: str, partition: int, offset: int) -> Any | None:
    """The record at a position; None where the topic does not hold it any more."""
    span = await of(client, topic, Edge(offset), Edge(offset + 1), partition=partition)
    found = [record async for record in clients.between(client, span) if record.offset == offset]
    return found[0] if found else None


async def _places(
    client: AIOKafkaConsumer, edge: Edge, without: dict[TopicPartition, int], last: dict[TopicPartition, int]
) -> dict[TopicPartition, int]:
    if edge.offset is not None:
        return dict.fromkeys(last, edge.offset)
    if edge.at_ms is None:
        return without
    found = await client.offsets_for_times(dict.fromkeys(last, edge.at_ms))
    return {tp: last[tp] if at is None else at.offset for tp, at in found.items()}
