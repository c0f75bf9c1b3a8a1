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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import IllegalStateError, KafkaError, ProducerFenced

from astroscale_shared.messaging import assignment, clients
from astroscale_shared.messaging.assignment import TRANSACTION_TIMEOUT_MS
from astroscale_shared.messaging.lag import Lag
from astroscale_shared.messaging.outcome import Outcome, Outgoing, Process
from astroscale_shared.messaging.pipe import Pipe, Work
from astroscale_shared.messaging.reader import Limits, size
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.settings import KafkaSettings

__all__ = ["SESSION_TIMEOUT_MS", "TRANSACTION_TIMEOUT_MS", "Outcome", "Outgoing", "Process", "TransactionsLoop"]

SESSION_TIMEOUT_MS: Final = 6_000
"""The least that a broker allows by default. After a kill the partitions wait for it: it is most of the time until rows
flow again, and heartbeats come from the event loop, which no batch blocks."""

STALLED_AFTER_S: Final = 30.0
FENCED_FOR_S: Final = 30.0


class TransactionsLoop(ConsumerRebalanceListener):
    """Runs `process` over a topic in transactions until stopped.

    workers: how many partitions may compute at the same time. max_records, max_weight: of one transaction; weigh: bytes
    that a record takes while it is processed. instance_id: a name that this member keeps over restarts, given only where
    the orchestrator has an ordinal for it: with one the client does not leave the group, and its partitions wait for it.
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
        max_weight: int = 8 << 20,
        weigh: Callable[[Any], int] = size,
        max_fetch_bytes: int = 4 << 20,
        transaction_timeout_ms: int = TRANSACTION_TIMEOUT_MS,
        instance_id: str | None = None,
        producer_options: dict[str, Any] | None = None,
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._group = group
        self._transaction_timeout_ms = transaction_timeout_ms
        self._producer_options = producer_options or {}
        self._pipes: dict[TopicPartition, Pipe] = {}
        self._fenced: set[TopicPartition] = set()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=f"{group}-")
        self._stop = asyncio.Event()
        self._fatal: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._joined = False
        self._log = logging.get("transactions")
        self._consumer: AIOKafkaConsumer = clients.consumer(
            settings,
            group_id=group,
            group_instance_id=instance_id,
            auto_offset_reset="none",  # what retention took is counted, not jumped over
            partition_assignment_strategy=(StickyPartitionAssignor,),
            max_partition_fetch_bytes=max_fetch_bytes,
            fetch_max_wait_ms=100,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=1_000,
            rebalance_timeout_ms=30_000,
            max_poll_interval_ms=300_000,
        )
        self._work = Work(settings, self._consumer, group, process, self._pool, Limits(max_records, max_weight, weigh))

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
            await clients.stop(self._consumer)
            self._pool.shutdown(wait=False, cancel_futures=True)

    def stop(self) -> None:
        """Finish what is under way and return from `run`."""
        self._stop.set()

    def unready(self) -> list[str]:
        """Why the loop is not ready; empty when it is. A standby without partitions is ready."""
        if self._fatal.done():
            return [f"the transactions loop has ended: {self._fatal.exception()}"]
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

    async def lag(self) -> dict[int, Lag]:
        """How far it is behind, by assigned partition."""
        lags: dict[int, Lag] = {}
        for tp, pipe in list(self._pipes.items()):
            with contextlib.suppress(KafkaError, IllegalStateError):  # taken away meanwhile
                lags[tp.partition] = await pipe.lag(time.time())
        return lags

    # --- assignment -------------------------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Finish or abort, then give up."""
        self._fenced.clear()
        pipes = [pipe for tp in revoked if (pipe := self._pipes.pop(tp, None)) is not None]
        await asyncio.gather(*(pipe.stop() for pipe in pipes))
        if pipes:
            self._log.info("partitions_revoked", topic=self._topic, partitions=sorted(p.tp.partition for p in pipes))

    async def on_partitions_assigned(self, assigned: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Fence, read where to go on, seek, and only then start. The library swallows what a listener raises, so
        that a failure here ends the loop by hand."""
        partitions = sorted(assigned)
        started: list[AIOKafkaProducer] = []
        try:
            producers = [
                assignment.owner(
                    self._settings, self._group, tp, self._producer_options, timeout_ms=self._transaction_timeout_ms
                )
                for tp in partitions
            ]
            await asyncio.gather(*(self._fence(producer, started) for producer in producers))
            begins = await assignment.begins(self._settings, self._group, self._consumer, partitions)
            if self._stop.is_set() or self._fatal.done():
                return
            # Nothing is awaited from here on: all partitions get their pipes, or none.
            for tp, producer in zip(partitions, producers, strict=True):
                self._consumer.seek(tp, begins[tp].offset)
                pipe = self._pipes[tp] = Pipe(tp, producer, begins[tp], self._work)
                pipe.start(asyncio.create_task(self._watch(pipe), name=f"pipe-{tp.partition}"))
            started.clear()
            self._joined = True
            self._log.info("partitions_assigned", topic=self._topic, partitions=[tp.partition for tp in partitions])
        except Exception as error:  # noqa: BLE001 - handed to run(), which raises it
            self._fail(error)
        finally:
            await asyncio.gather(*(assignment.close(producer) for producer in started))

    async def _fence(self, producer: AIOKafkaProducer, started: list[AIOKafkaProducer]) -> None:
        started.append(producer)
        await producer.start()  # initialises the transactional id: from here on the old owner is fenced

    # --- pipes ------------------------------------------------------------------------------------------------------

    async def _watch(self, pipe: Pipe) -> None:
        try:
            await pipe.run()
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
            await assignment.close(pipe.producer)

    def _still_fenced(self, tp: TopicPartition) -> None:
        # The broker also fences whoever lets a transaction time out, and then no rebalance follows by itself: beginning
        # again is the way back to the partition.
        if tp in self._fenced and not self._stop.is_set():
            self._fail(ProducerFenced(f"fenced for {FENCED_FOR_S:.0f} s on partition {tp.partition} of {tp.topic}"))

    def _fail(self, error: BaseException) -> None:
        if not self._fatal.done():
            self._fatal.set_exception(error)
