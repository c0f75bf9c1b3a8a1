"""The records of one assigned partition, in batches of bounded size, over what retention took and what is damaged.

Memory is bounded here: the client holds one fetch of a partition at most (compressed), and fetches no other before that
is read to its end; what is unfolded from it and does not fit into a batch waits for the next one. Pausing the partition
would not hold less, and the client drops what it has fetched of a paused one.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from astroscale_shared.messaging import damaged
from astroscale_shared.messaging.assignment import Begin
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

IDLE_POLL_MS: Final = 500
_ASKED_AT_ONCE: Final = 256
_FIRST_GUESS: Final = 1 << 20
_CAREFUL_FOR: Final = 10_000
"""Records that are read one by one after an error, in search of its place; it may have gone meanwhile."""


def size(record: Any) -> int:
    """Bytes of a record's value."""
    return len(record.value or b"")


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one batch: messages, and the sum of what they weigh (a message that is heavier goes alone)."""

    records: int
    weight: int
    weigh: Callable[[Any], int]
    """Bytes that a record takes while it is processed."""


class Reader:
    """Reads one partition on from where it begins."""

    def __init__(
        self, settings: KafkaSettings, consumer: AIOKafkaConsumer, tp: TopicPartition, begin: Begin, limits: Limits
    ) -> None:
        self.expired = begin.expired
        """Offsets that retention took before they were read; whoever has made them durable takes them off."""
        self._settings = settings
        self._consumer = consumer
        self._tp = tp
        self._next = begin.offset
        self._limits = limits
        self._waiting: deque[tuple[Any, int]] = deque()
        self._heaviest = _FIRST_GUESS
        self._careful = 0
        self._log = logging.get("transactions")
        if begin.expired:
            self._say_expired(begin.offset - begin.expired, begin.offset)

    @property
    def next_waiting(self) -> Any:
        """The first record that waits for the next batch; None where none does."""
        return self._waiting[0][0] if self._waiting else None

    async def take(self) -> list[Any]:
        """The next batch: at once what is there, else after a while nothing."""
        taken: list[Any] = []
        weight = 0
        while len(taken) < self._limits.records and weight < self._limits.weight:
            if not self._waiting and not await self._fetch(len(taken), weight):
                break
            record, heavy = self._waiting[0]
            if taken and weight + heavy > self._limits.weight:
                break
            self._waiting.popleft()
            taken.append(record)
            weight += heavy
        return taken

    async def _fetch(self, taken: int, weight: int) -> bool:
        # What is asked for is unfolded at once: no more of it than probably fits.
        fits = max(1, (self._limits.weight - weight) // max(1, self._heaviest))
        most = 1 if self._careful else min(fits, self._limits.records - taken, _ASKED_AT_ONCE)
        try:
            found = await self._consumer.getmany(self._tp, timeout_ms=0 if taken else IDLE_POLL_MS, max_records=most)
        except OffsetOutOfRangeError:
            # Once only, and with the batch after the gap: what was taken before it is committed first.
            if not taken:
                await self._skip_expired()
            return False
        except Exception as error:
            if not damaged.is_damage(error):
                raise
            return await self._step_over(error)
        records = [record for record in found.get(self._tp, []) if record.offset >= self._next]
        if not records:
            return False
        self._next = records[-1].offset + 1
        self._careful = max(0, self._careful - len(records))
        weighed = [self._limits.weigh(record) for record in records]
        self._heaviest = max(weighed)
        self._waiting.extend(zip(records, weighed, strict=True))
        return True

    async def _step_over(self, error: Exception) -> bool:
        """Go on behind a batch that cannot be unfolded, with a record that stands for it."""
        # The client is somewhere inside of what it was giving, and would go on behind it.
        self._consumer.seek(self._tp, self._next)
        if not self._careful:
            # What lies before the batch is read first, record by record, so that the next error is at its place.
            self._careful = _CAREFUL_FOR
            return False
        self._careful = 0
        batch = await damaged.find(self._settings, self._tp, self._next)
        if batch is None:
            self._log.warning("batch_read_again", topic=self._tp.topic, partition=self._tp.partition, reason=str(error))
            return False
        self._log.error("unreadable_batch", reason=batch.detail)
        self._next = batch.offset + 1
        self._consumer.seek(self._tp, self._next)
        self._waiting.append((batch, self._limits.weigh(batch)))
        return True

    async def _skip_expired(self) -> None:
        at = await self._consumer.position(self._tp)
        first = (await self._consumer.beginning_offsets([self._tp]))[self._tp]
        if first <= at:
            raise AstroScaleError(
                "offset_beyond_end",
                f"offset {at} is beyond the end of {self._tp.topic} partition {self._tp.partition}: its log was cut or "
                "made anew; reset the group's offsets",
            )
        self._consumer.seek(self._tp, first)
        self._next = first
        self.expired += first - at
        self._say_expired(at, first)

    def _say_expired(self, at: int, first: int) -> None:
        self._log.warning(
            "expired_unread",
            topic=self._tp.topic,
            partition=self._tp.partition,
            expected=at,
            first_left=first,
            offsets=first - at,
        )
