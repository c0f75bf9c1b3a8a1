"""Messages and progress to the broker, in one transaction each time."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Self

from aiokafka import AIOKafkaProducer
from astroscale_shared.messaging import clients, headers, topics

from astroscale_ingestor.convert import RawMessage
from astroscale_ingestor.progress import Progress


class Publisher:
    """Spreads messages over the partitions that the topic has: message n goes to the n-th partition, round and round.

    Not by key and not by sky: half of a survey may lie in a few fields, and its partition would carry half the load.
    """

    def __init__(self, producer: AIOKafkaProducer, topic: str, partitions: Sequence[int]) -> None:
        self._producer = producer
        self._topic = topic
        self._partitions = partitions

    @classmethod
    async def to(cls, topic: str, producer: AIOKafkaProducer) -> Self:
        """Ask the broker which partitions there are."""
        return cls(producer, topic, sorted(await producer.partitions_for(topic)))

    async def commit(self, state: Progress, messages: Sequence[RawMessage]) -> None:
        """One transaction: the messages, and `state`, which counts them already."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        first = state.messages - len(messages)
        async with self._producer.transaction():
            sent = [
                await clients.send(
                    self._producer,
                    self._topic,
                    message.value,
                    partition=self._partitions[(first + i) % len(self._partitions)],
                    headers=headers.write(content_type=message.content_type, rows=message.rows, run_id=state.run_id),
                )
                for i, message in enumerate(messages)
            ]
            record = state.model_copy(update={"updated_at": now}).model_dump_json().encode()
            sent.append(await clients.send(self._producer, topics.INGEST_PROGRESS, record, key=state.run_id.encode()))
            await asyncio.gather(*sent)
