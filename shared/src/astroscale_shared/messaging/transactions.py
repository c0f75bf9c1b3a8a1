"""The transactions loop: consume, transform, produce and commit offsets as one.

One pipe for each assigned input partition, each with its own transactional id, so that the partition's new owner fences
the old one. The order that makes this exactly once, where the client library alone does not:

1. A pipe starts only after its producer's initialisation is done (which fences the old owner and ends its transaction),
   after a fresh read of the committed offset, and after a seek to it. Records fetched earlier are never seen.
2. On revocation each pipe finishes or aborts its transaction before the partition is given up.
3. A fenced pipe ends; it is not revived until the partition is assigned again.
4. Any other failure ends the process: whoever supervises it restarts it, and the broker's log says where to go on.

The running totals of a partition travel in the metadata of its committed offset: read back at assignment, they are by
construction those of exactly the rows before that offset.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import IllegalStateError, KafkaError, ProducerFenced
from aiokafka.structs import OffsetAndMetadata

from astroscale_shared.messaging import clients
from astroscale_shared.messaging.headers import Headers
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.settings import KafkaSettings

TRANSACTION_TIMEOUT_MS: Final = 15_000
IDLE_POLL_MS: Final = 500
SESSION_TIMEOUT_MS: Final = 6_000
"""The least that a broker allows by default. After a kill the partitions wait for it: it is most of the time until rows
flow again, and heartbeats come from the event loop, which no batch blocks."""

STALLED_AFTER_S: Final = 30.0
FENCED_FOR_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to produce inside the transaction."""

    topic: str
    value: bytes
    key: bytes | None = None
    headers: Headers = field(default_factory=list[tuple[str, bytes]])
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch of input became: messages to send, and the partition's state after it (under 4,000 characters)."""

    outgoing: Sequence[Outgoing]
    state: str
    observe: Callable[[], None] | None = None
    """Called once the transaction is committed: metrics count only what is durable."""


Process = Callable[[Sequence[Any], str], Outcome]
"""(records of one partition, state before them) -> outcome. Runs in a thread."""


@dataclass(slots=True)
class _Pipe:
    """One assigned partition."""

    tp: TopicPartition
    producer: AIOKafkaProducer
    next_offset: int
    state: str
    task: asyncio.Task[None] | None = None
    fetching: bool = False
    stopping: bool = False
    busy_since: float | None = None


class TransactionsLoop(ConsumerRebalanceListener):
    """Runs `process` over a topic in transactions until stopped.

    workers: how many partitions may compute at the same time. max_records: messages in one transaction at most.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        topic: str,
        group: str,
        process: Process,
        workers: int = 2,
        max_records: int = 2_000,
        max_fetch_bytes: int = 4 << 20,
        producer_options: dict[str, Any] | None = None,
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._group = group
        self._process = process
        self._max_records = max_records
        self._producer_options = producer_options or {}
        self._pipes: dict[TopicPartition, _Pipe] = {}
        self._fenced: set[TopicPartition] = set()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=f"{group}-")
        self._stop = asyncio.Event()
        self._fatal: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._joined = False
        self._log = logging.get("transactions")
        self._consumer: AIOKafkaConsumer = clients.consumer(
            settings,
            group_id=group,
            partition_assignment_strategy=(StickyPartitionAssignor,),
            max_partition_fetch_bytes=max_fetch_bytes,
            fetch_max_wait_ms=100,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=1_000,
            rebalance_timeout_ms=30_000,
            max_poll_interval_ms=300_000,
        )

    async def run(self) -> None:
        """Join the group and work until `stop`; raises what ended it otherwise."""
        self._consumer.subscribe([self._topic], listener=self)
        await self._consumer.start()
        try:
            stopped = asyncio.create_task(self._stop.wait())
            await asyncio.wait({stopped, self._fatal}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if self._fatal.done():
                self._fatal.result()
        finally:
            self._stop.set()
            # Leaving the group calls on_partitions_revoked, which ends the pipes in order.
            await self.on_partitions_revoked(list(self._pipes))
            await self._consumer.stop()
            self._pool.shutdown(wait=False, cancel_futures=True)

    def stop(self) -> None:
        """Finish what is under way and return from `run`."""
        self._stop.set()

    def unready(self) -> list[str]:
        """Why the loop is not ready; empty when it is. A standby without partitions is ready."""
        if self._fatal.done():
            return ["the transactions loop has ended"]
        if not self._joined:
            return [f"group {self._group} is not joined yet"]
        now = time.monotonic()
        fenced = [
            f"{tp.topic} partition {tp.partition} went to another owner, and is not assigned anew"
            for tp in self._fenced
        ]
        return fenced + [
            f"{pipe.tp.topic} partition {pipe.tp.partition} has not advanced for {now - pipe.busy_since:.0f} s"
            for pipe in self._pipes.values()
            if pipe.busy_since is not None and now - pipe.busy_since > STALLED_AFTER_S
        ]

    async def lag(self) -> dict[int, int]:
        """Messages not yet processed, by assigned partition."""
        lags: dict[int, int] = {}
        for tp, pipe in list(self._pipes.items()):
            end = self._consumer.last_stable_offset(tp)
            with contextlib.suppress(KafkaError, IllegalStateError):
                at = pipe.next_offset if pipe.busy_since is not None else await self._consumer.position(tp)
                lags[tp.partition] = max(0, (end if end is not None and end >= 0 else at) - at)
        return lags

    # --- assignment -------------------------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Finish or abort, then give up."""
        self._fenced.clear()
        pipes = [pipe for tp in revoked if (pipe := self._pipes.pop(tp, None)) is not None]
        for pipe in pipes:
            pipe.stopping = True
            if pipe.fetching and pipe.task is not None:
                pipe.task.cancel()
        await asyncio.gather(*(pipe.task for pipe in pipes if pipe.task is not None), return_exceptions=True)
        await asyncio.gather(*(self._close(pipe.producer) for pipe in pipes))
        if pipes:
            self._log.info("partitions_revoked", topic=self._topic, partitions=sorted(p.tp.partition for p in pipes))

    async def on_partitions_assigned(self, assigned: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Fence, read where to go on, seek, and only then start. The library swallows what a listener raises, so
        that a failure here ends the loop by hand."""
        partitions = sorted(assigned)
        started: list[AIOKafkaProducer] = []
        try:
            producers = [self._new_producer(tp) for tp in partitions]
            await asyncio.gather(*(self._fence(producer, started) for producer in producers))
            begins = await self._begins(partitions)
            if self._stop.is_set() or self._fatal.done():
                return
            # Nothing is awaited from here on: all partitions get their pipes, or none.
            for tp, producer in zip(partitions, producers, strict=True):
                offset, state = begins[tp]
                self._consumer.seek(tp, offset)
                pipe = self._pipes[tp] = _Pipe(tp, producer, offset, state)
                pipe.task = asyncio.create_task(self._pump(pipe), name=f"pipe-{tp.partition}")
            started.clear()
            self._joined = True
            self._log.info("partitions_assigned", topic=self._topic, partitions=[tp.partition for tp in partitions])
        except Exception as error:  # noqa: BLE001 - handed to run(), which raises it
            self._fail(error)
        finally:
            await asyncio.gather(*(self._close(producer) for producer in started))

    def _new_producer(self, tp: TopicPartition) -> AIOKafkaProducer:
        return clients.producer(
            self._settings,
            transactional_id=f"{self._group}-{tp.topic}-{tp.partition}",
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            **self._producer_options,
        )

    async def _fence(self, producer: AIOKafkaProducer, started: list[AIOKafkaProducer]) -> None:
        started.append(producer)
        await producer.start()  # initialises the transactional id: from here on the old owner is fenced

    async def _begins(self, partitions: list[TopicPartition]) -> dict[TopicPartition, tuple[int, str]]:
        """Where to go on, and the state there: the committed offset and its metadata, else the beginning."""
        admin = clients.admin(self._settings)
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(self._group, partitions=partitions)
        finally:
            await admin.close()
        begins = {tp: (at.offset, at.metadata) for tp, at in found.items() if at.offset >= 0}
        fresh = [tp for tp in partitions if tp not in begins]
        if fresh:
            begins |= {tp: (offset, "") for tp, offset in (await self._consumer.beginning_offsets(fresh)).items()}
        return begins

    # --- work -------------------------------------------------------------------------------------------------------

    async def _pump(self, pipe: _Pipe) -> None:
        try:
            while not pipe.stopping:
                pipe.fetching = True
                batches = await self._consumer.getmany(pipe.tp, timeout_ms=IDLE_POLL_MS, max_records=self._max_records)
                pipe.fetching = False
                records = [r for r in batches.get(pipe.tp, []) if r.offset >= pipe.next_offset]
                if records and not pipe.stopping:
                    pipe.busy_since = time.monotonic()
                    await self._transact(pipe, records)
                    pipe.busy_since = None
        except asyncio.CancelledError:
            if not pipe.stopping:
                raise
        except Exception as error:  # noqa: BLE001 - handed to run(), which raises it
            if not clients.was_fenced(pipe.producer, error):
                if not pipe.stopping:
                    self._fail(error)
                return
            self._log.warning("fenced", topic=pipe.tp.topic, partition=pipe.tp.partition, next_offset=pipe.next_offset)
            self._pipes.pop(pipe.tp, None)
            self._fenced.add(pipe.tp)
            asyncio.get_running_loop().call_later(FENCED_FOR_S, self._still_fenced, pipe.tp)
            await self._close(pipe.producer)

    async def _transact(self, pipe: _Pipe, records: Sequence[Any]) -> None:
        loop = asyncio.get_running_loop()
        outcome = await loop.run_in_executor(self._pool, self._process, records, pipe.state)
        following = records[-1].offset + 1
        async with pipe.producer.transaction():
            acknowledged = [
                await clients.send(
                    pipe.producer, out.topic, out.value, key=out.key, headers=out.headers, partition=out.partition
                )
                for out in outcome.outgoing
            ]
            await pipe.producer.send_offsets_to_transaction(
                {pipe.tp: OffsetAndMetadata(following, outcome.state)}, self._group
            )
            await asyncio.gather(*acknowledged)
        pipe.next_offset, pipe.state = following, outcome.state
        if outcome.observe is not None:
            outcome.observe()

    def _still_fenced(self, tp: TopicPartition) -> None:
        # The broker also fences whoever lets a transaction time out, and then no rebalance follows by itself: beginning
        # again is the way back to the partition.
        if tp in self._fenced and not self._stop.is_set():
            self._fail(ProducerFenced(f"fenced for {FENCED_FOR_S:.0f} s on partition {tp.partition} of {tp.topic}"))

    def _fail(self, error: BaseException) -> None:
        if not self._fatal.done():
            self._fatal.set_exception(error)

    async def _close(self, producer: AIOKafkaProducer) -> None:
        # A fenced or disconnected producer cannot close in order; the broker has already ended its transaction.
        with contextlib.suppress(KafkaError, asyncio.TimeoutError):
            await asyncio.wait_for(producer.stop(), 10.0)
