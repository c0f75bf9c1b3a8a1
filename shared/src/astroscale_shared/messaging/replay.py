"""Replay: messages of the raw or the encoded topic are copied, to the same topic or another, at a bounded rate.

They are read without a group. How far each partition is, is kept as the offsets of a group of the replay's own, in the
transactions of the copies: killed anywhere and begun again with the same id, a replay goes on without loss or repeat.
"""

import asyncio
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError

from astroscale_shared.messaging import assignment, clients, codec, copies, headers, provenance, raw, spans, topics
from astroscale_shared.messaging.clients import Spans
from astroscale_shared.messaging.contracts import HEADER_ROWS, Strict
from astroscale_shared.messaging.outcome import Outgoing
from astroscale_shared.messaging.provenance import Provenance
from astroscale_shared.messaging.spans import EVERYTHING, Edge
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

SOURCES: Final = {"raw": topics.RAW, "encoded": topics.ENCODED}
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_A_TURN_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Replay:
    """What is asked for. topic, into: topics' names. rate: rows a second at most, None for as fast as it goes."""

    replay_id: str
    topic: str
    into: str
    begin: Edge = EVERYTHING
    end: Edge = EVERYTHING
    partition: int | None = None
    rate: float | None = None

    @property
    def group(self) -> str:
        """Whose offsets say how far it is."""
        return topics.group("replay", self.replay_id)


class Place(Strict):
    """How far a partition is; noted beside the group's offset, which is the next to read."""

    begin: int
    end: int
    into: str
    rows: int = 0
    messages: int = 0
    left_out: int = 0
    """Copies of earlier replays: their originals are what is replayed."""
    too_large: int = 0
    """Messages that the broker would not take, as a copy is compressed."""


@dataclass(slots=True)
class Progress:
    """How far a replay is. offsets: where it is in each partition. resumed: whether it had begun before."""

    resumed: bool = False
    places: dict[TopicPartition, Place] = field(default_factory=dict[TopicPartition, Place])
    offsets: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])

    @property
    def total(self) -> int:
        """Offsets that it reads, all in all."""
        return sum(place.end - place.begin for place in self.places.values())

    @property
    def read(self) -> int:
        """Of them, those that are done."""
        return sum(offset - self.places[tp].begin for tp, offset in self.offsets.items())

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return self.read >= self.total

    def sum(self, name: str) -> int:
        """rows, messages, left_out or too_large of all partitions."""
        return sum(getattr(place, name) for place in self.places.values())


def new_id() -> str:
    """An id that says when."""
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:6]}"


async def look(settings: KafkaSettings, asked: Replay) -> Progress:
    """How far a replay of this id is, or what a new one would read. Changes nothing.

    AstroScaleError: `bad_replay_id`, `kafka_unreachable`, `topic_missing`, `partition_missing`, `bad_target`,
    `replay_differs`.
    """
    if not _ID.fullmatch(asked.replay_id):
        raise AstroScaleError(
            "bad_replay_id", "a replay's id has 1 to 64 letters, digits, dots, hyphens or underscores"
        )
    if asked.into != asked.topic and asked.into in {topic.name for topic in topics.TABLE}:
        raise AstroScaleError(
            "bad_target", f"{asked.into} holds other messages than {asked.topic}: choose another topic"
        )
    async with spans.reading(settings) as client:
        await clients.partitions(client, asked.into)
        found = await _kept(settings, asked)
        if found.resumed:
            return found
        return _begun(asked, await spans.of(client, asked.topic, asked.begin, asked.end, partition=asked.partition))


async def run(
    settings: KafkaSettings, asked: Replay, *, progress: Callable[[Progress], None] = lambda _: None
) -> Progress:
    """Replay to the end. AstroScaleError: as `look`; `replay_taken_over` where another process goes on with this id."""
    found = await look(settings, asked)
    producer = copies.producer(settings, asked.group)
    try:
        await producer.start()  # from here on no other process has this id
        kept = await _kept(settings, asked)
        if kept.resumed:
            found = kept
        elif found.places:
            async with producer.transaction():
                await _keep(producer, asked, found)
        progress(found)
        async with spans.reading(settings) as client:
            await _Run(settings, asked, producer, found, progress).all(client)
    except KafkaError as error:
        if not clients.was_fenced(producer, error):
            raise
        raise AstroScaleError("replay_taken_over", f"another process goes on with replay {asked.replay_id}") from error
    finally:
        await assignment.close(producer)
    return found


class _Run:
    def __init__(
        self,
        settings: KafkaSettings,
        asked: Replay,
        producer: AIOKafkaProducer,
        found: Progress,
        progress: Callable[[Progress], None],
    ) -> None:
        self._settings = settings
        self._asked = asked
        self._producer = producer
        self._found = found
        self._progress = progress
        self._waiting: list[Outgoing] = []
        self._bytes = 0
        self._rows = 0
        self._sent_rows = 0
        self._began = time.monotonic()

    async def all(self, client: AIOKafkaConsumer) -> None:
        targets = await clients.partitions(client, self._asked.into)
        left: Spans = {tp: (offset, self._found.places[tp].end) for tp, offset in self._found.offsets.items()}
        rate = self._asked.rate
        turn = max(1.0, rate * _A_TURN_S) if rate else float("inf")
        async for record in clients.between(client, left):
            self._take(record, len(targets))
            full = len(self._waiting) >= copies.MAX_MESSAGES or self._bytes >= copies.MAX_BYTES
            if full or self._rows >= turn:
                await self._commit()
        for tp, place in self._found.places.items():
            self._found.offsets[tp] = place.end  # past commit markers, which are no records
        if self._found.places:
            await self._commit()

    def _take(self, record: Any, targets: int) -> None:
        own = copies.said(record.headers)
        if own.replay_id is not None:
            self._passed(record, left_out=1)
            return
        origin = own.origin or provenance.position(record.topic, record.partition, record.offset)
        new = Provenance(origin, own.hop, own.rows, self._asked.replay_id)
        sent = copies.with_provenance(record.headers, new)
        message = Outgoing(self._asked.into, record.value or b"", record.key, sent, record.partition % targets)
        if not copies.fits(message, self._settings.compression):
            self._passed(record, too_large=1)
            return
        rows = _rows(record) if own.rows is None else min(_rows(record), sum(map(len, own.rows)))
        self._waiting.append(message)
        self._bytes += len(message.value)
        self._rows += rows
        self._passed(record, messages=1, rows=rows)

    def _passed(self, record: Any, **counted: int) -> None:
        tp = TopicPartition(record.topic, record.partition)
        place = self._found.places[tp]
        new = {name: getattr(place, name) + count for name, count in counted.items()}
        self._found.places[tp] = place.model_copy(update=new)
        self._found.offsets[tp] = record.offset + 1

    async def _commit(self) -> None:
        async with self._producer.transaction():
            await copies.send(self._producer, self._waiting)
            await _keep(self._producer, self._asked, self._found)
        self._sent_rows += self._rows
        self._waiting, self._bytes, self._rows = [], 0, 0
        self._progress(self._found)
        if self._asked.rate:
            due = self._began + self._sent_rows / self._asked.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))


def _rows(record: Any) -> int:
    """Rows of a message: what its writer says, or what it holds."""
    found = headers.read(record.headers)
    said = headers.whole_number(found.get(HEADER_ROWS), 0)
    return said if 0 < said <= codec.MAX_ROWS else raw.count_rows(record.value, found)


def _begun(asked: Replay, span: Spans) -> Progress:
    places = {tp: Place(begin=begin, end=end, into=asked.into) for tp, (begin, end) in span.items() if begin < end}
    return Progress(places=places, offsets={tp: place.begin for tp, place in places.items()})


async def _kept(settings: KafkaSettings, asked: Replay) -> Progress:
    admin = clients.admin(settings)
    await admin.start()
    try:
        held = await _offsets(admin, asked.group)
    finally:
        await admin.close()
    places = {tp: Place.model_validate_json(at.metadata) for tp, at in held.items() if at.offset >= 0}
    for tp, place in places.items():
        if (tp.topic, place.into) != (asked.topic, asked.into):
            raise AstroScaleError(
                "replay_differs", f"replay {asked.replay_id} is from {tp.topic} into {place.into}: choose another id"
            )
    return Progress(bool(places), places, {tp: held[tp].offset for tp in places})


async def _offsets(admin: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, Any]:
    # A broker makes its topic of offsets when the first group is asked for, and says so meanwhile.
    for _ in range(50):
        try:
            return await admin.list_consumer_group_offsets(group)
        except GroupCoordinatorNotAvailableError:
            await asyncio.sleep(0.2)
    raise AstroScaleError("kafka_unreachable", "the broker has no coordinator of groups", retryable=True)


async def _keep(producer: AIOKafkaProducer, asked: Replay, found: Progress) -> None:
    notes = {tp: (offset, found.places[tp].model_dump_json()) for tp, offset in found.offsets.items()}
    await copies.keep_place(producer, asked.group, notes)
