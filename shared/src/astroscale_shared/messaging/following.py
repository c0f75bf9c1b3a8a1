"""A small, compacted topic read for ever: what it holds, then what is added."""

from collections.abc import AsyncGenerator
from typing import Any

from aiokafka import TopicPartition

from astroscale_shared.messaging import clients
from astroscale_shared.runtime.settings import KafkaSettings


async def follow(settings: KafkaSettings, topic: str) -> AsyncGenerator[Any]:
    """All committed records of partition 0 from its beginning on, for ever; None once, where it ended when we began:
    what came before that is the state to start from. Without a group: every reader reads all."""
    client = clients.consumer(settings, group_id=None)
    try:
        await client.start()
        caught_up = False
        await client.topics()
        tp = TopicPartition(topic, 0)
        client.assign([tp])
        await client.seek_to_beginning(tp)
        end = (await client.end_offsets([tp]))[tp]
        while True:
            if not caught_up and await client.position(tp) >= end:
                caught_up = True
                yield None
            for records in (await client.getmany(tp, timeout_ms=200)).values():
                for record in records:
                    yield record
    finally:
        await clients.stop(client)
