"""The request topic's subscriber and the replies' publisher (FastStream)."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiokafka import AIOKafkaProducer
from astroscale_shared.messaging import broker as brokers
from astroscale_shared.messaging import clients, headers, topics
from astroscale_shared.messaging.requests import CORRELATION, STATUS
from astroscale_shared.messaging.transactions import SESSION_TIMEOUT_MS
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.settings import KafkaSettings
from faststream.kafka import KafkaBroker

from astroscale_inference.metrics import InferenceMetrics
from astroscale_inference.requests import Answer, AnswerRequests

POLL_MS = 5
LISTEN_MS = 1_000
MAX_REQUESTS = 500
SMALL_BYTES = 16_384
"""Requests of about a hundred stars are answered in less time than a thread takes to wake and to report back."""


class Replies:
    """Subscribes to requests in a shared group and answers them; large ones in one thread of its own, so that neither
    they nor the stream's batches stand before a person's request."""

    def __init__(self, kafka: KafkaSettings, answer: AnswerRequests, metrics: InferenceMetrics) -> None:
        self._answer = answer
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="requests-")
        self._log = logging.get("replies")
        self._producer: AIOKafkaProducer = clients.producer(
            kafka, enable_idempotence=False, acks=1, compression_type=None
        )
        # No injection: it solves each argument in a thread of its own, a third of a lone request's time.
        self._broker: KafkaBroker = brokers.broker(kafka, apply_types=False)
        self._subscriber: Any = self._broker.subscriber(
            topics.REQUESTS,
            group_id=topics.REQUESTS_GROUP,
            batch=True,
            batch_timeout_ms=POLL_MS,
            max_records=MAX_REQUESTS,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=1_000,
            auto_offset_reset="latest",  # a request that is older than this group has nobody waiting
            no_reply=True,
            parser=brokers.records,
            decoder=brokers.undecoded,
        )
        self._subscriber(self._handle)

    async def start(self) -> None:
        """Connect and begin to answer."""
        await self._producer.start()
        await self._broker.start()
        _wait_for_records(self._subscriber.consumer)

    async def stop(self) -> None:
        """Answer what was polled, then leave."""
        await self._broker.stop()
        await self._producer.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def unready(self) -> list[str]:
        """Why requests are not answered."""
        consumer = self._subscriber.consumer
        if consumer is None or not consumer.assignment():
            return (
                [] if consumer is not None and self._joined(consumer) else ["the group of requests is not joined yet"]
            )
        return []

    @staticmethod
    def _joined(consumer: Any) -> bool:
        # A standby beside more replicas than partitions has joined and holds none.
        subscription = consumer._subscription.subscription  # noqa: SLF001 - the library has no public question for it
        return subscription is not None and subscription.assignment is not None

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


def _wait_for_records(consumer: Any) -> None:
    """FastStream polls for POLL_MS and, finding nothing, sleeps as long without listening: a request that comes alone
    would wait for up to 5 ms before anyone looks. So a poll ends only with records."""
    poll = consumer.getmany

    async def until_some(**options: Any) -> Any:
        while True:
            found = await poll(**{**options, "timeout_ms": LISTEN_MS})
            if found:
                return found

    consumer.getmany = until_some
