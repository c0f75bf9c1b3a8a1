"""One assigned partition: fetch, compute, and one transaction a batch."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from astroscale_shared.messaging import assignment, clients
from astroscale_shared.messaging.assignment import Begin
from astroscale_shared.messaging.lag import Lag, age
from astroscale_shared.messaging.outcome import Process
from astroscale_shared.messaging.reader import Limits, Reader
from astroscale_shared.runtime.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class Work:
    """What all pipes of a loop share. limits: of one transaction."""

    settings: KafkaSettings
    consumer: AIOKafkaConsumer
    group: str
    process: Process
    pool: Executor
    limits: Limits


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
        self._reader = Reader(work.settings, work.consumer, tp, begin, work.limits)
        self._fetching = False
        self._first: Any = None
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
            self._fetching = True
            records = await self._reader.take()
            self._fetching = False
            if records and not self.stopping:
                self.busy_since, self._first = time.monotonic(), records[0]
                await self._transact(records)
                self.busy_since = self._first = None

    async def lag(self, now: float) -> Lag:
        """How far it is behind the last stable offset, at `now` (seconds since 1970). Commit markers are no lag."""
        first = self._first or self._reader.next_waiting
        # Idle, the position is past the markers, which carry no records.
        at = first.offset if first is not None else await self._work.consumer.position(self.tp)
        end = self._work.consumer.last_stable_offset(self.tp)
        return Lag(max(0, (at if end is None else end) - at), 0.0 if first is None else age(first.timestamp, now))

    async def _transact(self, records: Sequence[Any]) -> None:
        loop = asyncio.get_running_loop()
        expired = self._reader.expired
        outcome = await loop.run_in_executor(self._work.pool, self._work.process, records, self._state, expired)
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
        self._reader.expired -= expired
        if outcome.observe is not None:
            outcome.observe()
