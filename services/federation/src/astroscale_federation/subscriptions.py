"""FastStream behind one door: subscribers without a group that read whole topics, and publishing."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from astroscale_shared.messaging import broker as brokers
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage
from faststream.middlewares import AckPolicy

JSON: Final = "application/json"
TENSORS: Final = "application/octet-stream"
"""FastStream guesses JSON from the first byte of anything that has no content-type of its own."""

STALLED_AFTER_S: Final = 15.0
_START_TIMEOUT_S: Final = 30.0

Handle = Callable[[Any], Awaitable[None]]
"""Takes one aiokafka ConsumerRecord."""


async def _as_it_came(record: Any) -> KafkaMessage:
    """A parser that looks at nothing: headers from a stranger may be null or no UTF-8."""
    return KafkaMessage(
        raw_message=record, body=record.value or b"", headers={}, content_type=TENSORS, consumer=FAKE_CONSUMER
    )


async def _record(message: Any) -> Any:
    return message.raw_message


class Subscriptions:
    """A process's subscribers and producer. A handler that raises ends the process: what it kept in memory may then
    differ from the topics, and a new start reads it from there."""

    def __init__(self, kafka: KafkaSettings, fail: Callable[[BaseException], None]) -> None:
        self._fail = fail
        self._log = logging.get("subscriptions")
        self._broker: KafkaBroker = brokers.broker(kafka, apply_types=False, parser=_as_it_came, decoder=_record)
        self._subscribers: dict[str, Any] = {}

    def add(self, topic: str, handle: Handle, *, from_beginning: bool) -> None:
        """Call `handle` with each record of a topic, one after the other."""

        async def guarded(record: Any) -> None:
            try:
                await handle(record)
            except Exception as error:  # noqa: BLE001 - FastStream would drop it: it ends the process instead
                self._fail(error)

        subscriber: Any = self._broker.subscriber(
            topic,
            auto_offset_reset="earliest" if from_beginning else "latest",
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
        )
        subscriber(guarded)
        self._subscribers[topic] = subscriber

    async def start(self) -> None:
        """Connect; returns once every subscriber knows where it reads from, so that no later record is missed.

        AstroScaleError `topic_missing` where a topic does not exist.
        """
        await self._broker.start()
        for topic, subscriber in self._subscribers.items():
            end = time.monotonic() + _START_TIMEOUT_S
            while not (assigned := subscriber.consumer.assignment()):
                if time.monotonic() > end:
                    raise AstroScaleError("topic_missing", f"topic {topic} does not exist: provision the topics first")
                await asyncio.sleep(0.02)
            for partition in assigned:
                await subscriber.consumer.position(partition)

    async def stop(self) -> None:
        """Handle what is in hand, then disconnect."""
        await self._broker.stop()

    async def publish(self, topic: str, value: bytes | str, *, key: str, content_type: str = JSON) -> None:
        """Write one record, and return once the broker has it."""
        data = value.encode() if isinstance(value, str) else value
        await self._broker.publish(data, topic, key=key.encode(), headers={"content-type": content_type})

    def unready(self) -> list[str]:
        """Why the topics are not followed: no assignment, or no answer to a fetch for a while."""
        reasons: list[str] = []
        for topic, subscriber in self._subscribers.items():
            consumer = subscriber.consumer
            assigned: set[Any] = consumer.assignment() if consumer is not None else set()
            polls = [consumer.last_poll_timestamp(one) for one in assigned] if consumer is not None else []
            if not assigned:
                reasons.append(f"{topic} is not followed yet")
            elif any(not poll or time.time() - poll / 1000 > STALLED_AFTER_S for poll in polls):
                reasons.append(f"Kafka gave no answer about {topic} for {STALLED_AFTER_S:g} s")
        return reasons
