"""Request and reply over Kafka, the caller's side.

Each caller process owns one reply partition (a lease, else a hash of its id) and seeks to its end before its first
request. A collision of two callers is harmless: correlation ids are UUIDs, and what is not ours is skipped.
"""

import asyncio
import contextlib
import time
import uuid
from dataclasses import dataclass
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from astroscale_shared.messaging import clients, headers, topics
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

CORRELATION: Final = "correlation-id"
REPLY_PARTITION: Final = "reply-partition"
DEADLINE_MS: Final = "deadline-ms"  # milliseconds since 1970, UTC
KIND: Final = "kind"  # what is asked for: predict (an Arrow batch of stars) or model (no content)
PREDICT: Final = "predict"
MODEL: Final = "model"
STATUS: Final = "status"  # of a reply: ok, or error with a JSON object of code and message as its content


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply's content and headers."""

    value: bytes
    headers: dict[str, str]


class RequestClient:
    """Sends requests and waits for their replies; one a process."""

    def __init__(self, settings: KafkaSettings, *, reply_partition: int, linger_ms: int = 0) -> None:
        self._reply = TopicPartition(topics.REPLIES, reply_partition)
        self._producer: AIOKafkaProducer = clients.producer(
            settings, enable_idempotence=False, acks=1, linger_ms=linger_ms, compression_type=None
        )
        self._consumer: AIOKafkaConsumer = clients.consumer(
            settings, group_id=None, isolation_level="read_uncommitted", fetch_max_wait_ms=500
        )
        self._pending: dict[str, asyncio.Future[Reply]] = {}
        self._reader: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Requests that have no reply yet."""
        return len(self._pending)

    async def start(self) -> None:
        """Connect, take the reply partition, and stand at its end."""
        await self._producer.start()
        await self._consumer.start()
        self._consumer.assign([self._reply])
        end = (await self._consumer.end_offsets([self._reply]))[self._reply]
        self._consumer.seek(self._reply, end)
        self._reader = asyncio.create_task(self._read(), name="replies")

    async def stop(self) -> None:
        """Fail what still waits, and disconnect."""
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
        for future in self._pending.values():
            if not future.done():
                future.set_exception(AstroScaleError("shutting_down", "the gateway is stopping", retryable=True))
        await self._producer.stop()
        await clients.stop(self._consumer)

    def alive(self) -> bool:
        """Whether replies are being read."""
        return self._reader is not None and not self._reader.done()

    async def request(self, kind: str, value: bytes, *, timeout: float) -> Reply:
        """Send and wait; AstroScaleError `deadline_exceeded` after `timeout` seconds, `kafka_unreachable`, or the
        error that the reply carries."""
        correlation = uuid.uuid4().hex
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._pending[correlation] = future
        try:
            async with asyncio.timeout(timeout):
                await self._producer.send(
                    topics.REQUESTS,
                    value,
                    headers=headers.write(
                        correlation_id=correlation,
                        reply_partition=self._reply.partition,
                        deadline_ms=int((time.time() + timeout) * 1000),
                        kind=kind,
                    ),
                )
                return await future
        except TimeoutError as error:
            raise AstroScaleError(
                "deadline_exceeded", f"no prediction within {timeout:g} s; try again", retryable=True
            ) from error
        except KafkaError as error:
            raise AstroScaleError(
                "kafka_unreachable", "the broker does not answer; try again", retryable=True
            ) from error
        finally:
            del self._pending[correlation]

    async def _read(self) -> None:
        log = logging.get("requests")
        while True:
            try:
                batches = await self._consumer.getmany(self._reply, timeout_ms=1_000)
            except KafkaError as error:
                log.warning("replies_unreadable", error=type(error).__name__)
                await asyncio.sleep(0.2)
                continue
            for message in batches.get(self._reply, []):
                self._deliver(message)

    def _deliver(self, message: Any) -> None:
        found = headers.read(message.headers)
        future = self._pending.get(found.get(CORRELATION, ""))
        if future is None or future.done():
            return  # another caller's, or one whose caller has given up
        if found.get(STATUS) == "ok":
            future.set_result(Reply(message.value or b"", found))
            return
        try:
            said = orjson.loads(message.value or b"{}")
            code, text, retryable = str(said["code"]), str(said["message"]), bool(said.get("retryable"))
        except (orjson.JSONDecodeError, KeyError, TypeError):
            code, text, retryable = "bad_reply", "inference sent a reply that cannot be read", True
        future.set_exception(AstroScaleError(code, text, retryable=retryable))
