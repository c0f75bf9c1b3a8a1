"""One assigned partition: fetch, compute, and one transaction a batch."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from astroscale_shared.messaging import assignment, clients
from astroscale_shared.messaging.assignment import Begin
from astroscale_shared.messaging.outcome import Process

IDLE_POLL_MS: Final = 500


@dataclass(frozen=True, slots=True)
class Work:
    """What all pipes of a loop share. max_records: messages in one transaction at most."""

    consumer: AIOKafkaConsumer
    group: str
    process: Process
    pool: Executor
    max_records: int


class Pipe:
    """Takes the records of one partition from where it begins; `run` ends when stopped, or with what ended it."""

    def __init__(self, tp: TopicPartition, producer: AIOKafkaProducer, begin: Begin, work: Work) -> None:
        self.tp = tp
        self.producer = producer
        self.next_offset = begin.offset
        self.stopping = False
        self.busy_since: float | None = None
        self._state = begin.state
        self._work = work
        self._fetching = False
        self._task: asyncio.Task[None] | None = None

    def start(self, task: "asyncio.Task[None]") -> None:
        """`task` runs the pipe."""
        self._task = task

    async def stop(self) -> None:
        """Finish or abort the transaction under way, and close."""
        self.stopping = True
        if self._task is not None:
            if self._fetching:
                self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await assignment.close(self.producer)

    async def run(self) -> None:
        """Fetch and transact until stopped."""
        while not self.stopping:
            records = await self._take()
            if records and not self.stopping:
                self.busy_since = time.monotonic()
                await self._transact(records)
                self.busy_since = None

    async def _take(self) -> list[Any]:
        self._fetching = True
        batches = await self._work.consumer.getmany(
            self.tp, timeout_ms=IDLE_POLL_MS, max_records=self._work.max_records
        )
        self._fetching = False
        return [record for record in batches.get(self.tp, []) if record.offset >= self.next_offset]

    async def _transact(self, records: Sequence[Any]) -> None:
        loop = asyncio.get_running_loop()
        outcome = await loop.run_in_executor(self._work.pool, self._work.process, records, self._state)
        following = records[-1].offset + 1
        async with self.producer.transaction():
            acknowledged = [
                await clients.send(
                    self.producer, out.topic, out.value, key=out.key, headers=out.headers, partition=out.partition
                )
                for out in outcome.outgoing
            ]
            await self.producer.send_offsets_to_transaction(
                {self.tp: OffsetAndMetadata(following, outcome.state)}, self._work.group
            )
            await asyncio.gather(*acknowledged)
        self.next_offset, self._state = following, outcome.state
        if outcome.observe is not None:
            outcome.observe()
