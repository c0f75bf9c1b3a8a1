"""Kafka clients with the options that we mean, instead of the library's defaults."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IllegalOperation, ProducerFenced
from aiokafka.helpers import create_ssl_context

from astroscale_shared.messaging.topics import MAX_MESSAGE_BYTES
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

RETRY_BACKOFF_MS = 5
"""aiokafka's 100 ms dominates small transactions: the broker answers CONCURRENT_TRANSACTIONS for some milliseconds
after each commit, and each retry would wait that long."""

Spans = dict[TopicPartition, tuple[int, int]]
"""First offset, and the one after the last, by partition."""


def _security(settings: KafkaSettings) -> dict[str, Any]:
    options: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if settings.security_protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password.get_secret_value() if settings.sasl_password else None,
        }
    if settings.security_protocol.endswith("SSL"):
        options["ssl_context"] = ssl_context(settings)
    return options


def ssl_context(settings: KafkaSettings) -> ssl.SSLContext:
    """The TLS context of the settings; OSError where a named file cannot be read."""
    return create_ssl_context(
        cafile=str(settings.ssl_cafile) if settings.ssl_cafile else None,
        certfile=str(settings.ssl_certfile) if settings.ssl_certfile else None,
        keyfile=str(settings.ssl_keyfile) if settings.ssl_keyfile else None,
    )


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """What every client needs to reach the broker."""
    return {"bootstrap_servers": settings.bootstrap_servers, **_security(settings)}


def consumer(settings: KafkaSettings, *topics: str, **options: Any) -> AIOKafkaConsumer:
    """A consumer that commits nothing by itself, sees committed records only and starts at the beginning."""
    chosen: dict[str, Any] = {
        **connection(settings),
        "enable_auto_commit": False,
        "isolation_level": "read_committed",
        "auto_offset_reset": "earliest",
        "retry_backoff_ms": 50,
        "metadata_max_age_ms": 30_000,
        **options,
    }
    return AIOKafkaConsumer(*topics, **chosen)


def compression(settings: KafkaSettings) -> str | None:
    """The codec as the client library names it."""
    return None if settings.compression == "none" else settings.compression


def producer(settings: KafkaSettings, **options: Any) -> AIOKafkaProducer:
    """An idempotent producer that waits for all replicas."""
    chosen: dict[str, Any] = {
        **connection(settings),
        "enable_idempotence": True,
        "acks": "all",
        "compression_type": compression(settings),
        "linger_ms": 0,
        "max_request_size": MAX_MESSAGE_BYTES + 65_536,
        "max_batch_size": MAX_MESSAGE_BYTES,
        "retry_backoff_ms": RETRY_BACKOFF_MS,
        **options,
    }
    return AIOKafkaProducer(**chosen)


async def send(client: AIOKafkaProducer, topic: str, value: bytes, **options: Any) -> "asyncio.Future[Any]":
    """Hand a record to the producer; the future holds its acknowledgement.

    Whoever leaves a transaction on its first error asks no other future: what those hold is not reported as forgotten.
    """
    future: asyncio.Future[Any] = await client.send(topic, value, **options)
    future.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return future


def was_fenced(client: AIOKafkaProducer, error: BaseException) -> bool:
    """Whether an error of a transactional producer means that another took its place.

    Once its sender has learnt so, the client refuses further sends as illegal, without the reason.
    """
    if isinstance(error, IllegalOperation):
        accumulator: Any = getattr(client, "_message_accumulator", None)  # the library has no public question for it
        error = getattr(accumulator, "_exception", None) or error
    return isinstance(error, ProducerFenced)


def admin(settings: KafkaSettings, **options: Any) -> AIOKafkaAdminClient:
    """An admin client."""
    chosen: dict[str, Any] = {**connection(settings), "request_timeout_ms": 15_000, **options}
    return AIOKafkaAdminClient(**chosen)


async def wait_for_broker(settings: KafkaSettings, *, deadline: float = 60.0) -> None:
    """Return once the broker answers; AstroScaleError `kafka_unreachable` after `deadline` seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline
    while True:
        client = admin(settings, request_timeout_ms=3_000)
        try:
            await client.start()
        except Exception as error:
            # aiokafka leaves the connection's failures in many types; every one means: not there yet.
            if loop.time() > end:
                raise AstroScaleError(
                    "kafka_unreachable", f"no Kafka answers at {settings.bootstrap_servers}", retryable=True
                ) from error
            await asyncio.sleep(0.2)
        else:
            return
        finally:
            await client.close()


async def read_to_end(settings: KafkaSettings, topic: str) -> list[Any]:
    """All committed records of a topic, from its beginning to where it ends now (ConsumerRecord, partition by
    partition). For small, compacted topics."""
    # A broker answers a connection's requests in order: questions for offsets would wait behind an empty long poll.
    client = consumer(settings, group_id=None, fetch_max_wait_ms=20)
    await client.start()
    try:
        return [record async for record in scan(client, topic)]
    finally:
        await stop(client, patience=0.5)


async def stop(client: AIOKafkaConsumer, *, patience: float = 5.0) -> None:
    """Stop a consumer. Its fetching task may swallow the cancellation when its assignment has just changed, and would be
    waited for without end: it is cancelled again."""
    stopping = asyncio.ensure_future(client.stop())
    try:
        await asyncio.wait({stopping}, timeout=patience)
    finally:
        if not stopping.done():
            stopping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await stopping


async def scan(client: AIOKafkaConsumer, topic: str, *, stop_after: dict[int, int] | None = None) -> AsyncIterator[Any]:
    """Yield the records of `topic` from the beginning to the present last stable offset, through a started consumer
    without a group. `stop_after` may give end offsets by partition."""
    assigned = [TopicPartition(topic, p) for p in await partitions(client, topic)]
    client.assign(assigned)
    ends: dict[TopicPartition, int] = await client.end_offsets(assigned)
    begins: dict[TopicPartition, int] = await client.beginning_offsets(assigned)
    if stop_after is not None:
        ends = {tp: min(end, stop_after.get(tp.partition, end)) for tp, end in ends.items()}
    async for record in between(client, {tp: (begins[tp], ends[tp]) for tp in assigned}):
        yield record


async def between(client: AIOKafkaConsumer, spans: Spans) -> AsyncIterator[Any]:
    """Yield the records of these spans, none of which may lie beyond the last stable offset, through a started consumer
    without a group."""
    left = {tp for tp, (begin, end) in spans.items() if begin < end}
    if not left:  # a client that is stopped right after it was assigned something else waits for ever
        return
    client.assign(list(left))
    for tp in left:
        client.seek(tp, spans[tp][0])
    while left:
        batches = await client.getmany(*left, timeout_ms=200)
        for tp, records in batches.items():
            for record in records:
                if record.offset < spans[tp][1]:
                    yield record
        # The position moves past commit markers too, which carry no records.
        for tp in list(left):
            if await client.position(tp) >= spans[tp][1]:
                left.discard(tp)


async def partitions(client: AIOKafkaConsumer, topic: str) -> list[int]:
    """The topic's partitions, ascending; AstroScaleError `topic_missing`."""
    client.assign([TopicPartition(topic, 0)])  # the client keeps metadata of the topics that it is assigned, no others
    for _ in range(250):
        found = client.partitions_for_topic(topic)
        if found:
            return sorted(found)
        await asyncio.sleep(0.02)
    raise AstroScaleError("topic_missing", f"topic {topic} does not exist: provision the topics first")
