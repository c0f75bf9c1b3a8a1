"""The request topic's consumer and the replies' publisher."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from astroscale_shared.messaging import clients, headers, topics
from astroscale_shared.messaging.lag import Lag, age
from astroscale_shared.messaging.requests import CORRELATION, STATUS
from astroscale_shared.messaging.transactions import SESSION_TIMEOUT_MS
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_inference.metrics import InferenceMetrics
from astroscale_inference.requests import Answer, AnswerRequests

POLL_MS = 200
MAX_REQUESTS = 500
SMALL_BYTES = 16_384
"""Requests of about a hundred stars are answered in less time than a thread takes to wake and to report back."""


class Replies:
    """Takes requests in a shared group and answers them; large ones in one thread of its own, so that neither they nor
    the stream's batches stand before a person's request. At most once: who waits asks again."""

    def __init__(self, kafka: KafkaSettings, answer: AnswerRequests, metrics: InferenceMetrics) -> None:
        self._answer = answer
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="requests-")
        self._log = logging.get("replies")
        self._stop = asyncio.Event()
        self._joined = False
        self._under_way: dict[TopicPartition, Any] = {}
        self._producer: AIOKafkaProducer = clients.producer(
            kafka, enable_idempotence=False, acks=1, compression_type=None
        )
        self._consumer: AIOKafkaConsumer = clients.consumer(
            kafka,
            topics.REQUESTS,
            group_id=topics.REQUESTS_GROUP,
            isolation_level="read_uncommitted",
            enable_auto_commit=True,
            auto_offset_reset="latest",  # a request that is older than this group has nobody waiting
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=1_000,
        )

    async def run(self) -> None:
        """Join the group and answer until `stop`; raises what ended it otherwise."""
        try:
            await self._producer.start()
            await self._consumer.start()  # returns once the group has given partitions, or none to a standby
            self._joined = True
            while not self._stop.is_set():
                polled = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=MAX_REQUESTS)
                if polled:
                    self._under_way = {tp: records[0] for tp, records in polled.items() if records}
                    await self._handle([record for records in polled.values() for record in records])
                    self._under_way = {}
        finally:
            await clients.stop(self._consumer)
            await self._producer.stop()
            self._pool.shutdown(wait=False, cancel_futures=True)

    def stop(self, task: asyncio.Task[object]) -> None:
        """End `task`, which runs `run`: once what was polled is answered, or at once where it has not joined yet."""
        self._stop.set()
        if not self._joined:
            task.cancel()

    def unready(self) -> list[str]:
        """Why requests are not answered."""
        return [] if self._joined else ["the group of requests is not joined yet"]

    async def lag(self) -> dict[int, Lag]:
        """How far requests are behind, by assigned partition."""
        lags: dict[int, Lag] = {}
        for tp in self._consumer.assignment() if self._joined else ():
            first, now = self._under_way.get(tp), time.time()
            with contextlib.suppress(KafkaError, IllegalStateError):  # taken away meanwhile
                at = await self._consumer.position(tp) if first is None else first.offset
                end = self._consumer.highwater(tp)
                waiting = max(0, (at if end is None else end) - at)
                lags[tp.partition] = Lag(waiting, 0.0 if first is None else age(first.timestamp, now))
        return lags

    async def _handle(self, records: Sequence[Any]) -> None:
        began = time.perf_counter()
        if sum(len(record.value or b"") for record in records) <= SMALL_BYTES:
            answers = self._answer(records)
        else:
            answers = await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, records)
        for answer in answers:
            await self._reply(answer)
        self._metrics.request_rows.observe(sum(answer.rows for answer in answers))
        self._metrics.request_seconds.observe(time.perf_counter() - began)

    async def _reply(self, answer: Answer) -> None:
        self._metrics.requests.labels(answer.code).inc()
        if answer.partition < 0:
            self._log.info("request_dropped", reason=answer.code)
            return
        await self._producer.send(
            topics.REPLIES,
            answer.value,
            partition=answer.partition,
            headers=[
                (CORRELATION, answer.correlation.encode()),
                *headers.write(**{STATUS: "ok" if answer.ok else "error"}),
            ],
        )
