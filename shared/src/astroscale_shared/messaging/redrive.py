"""Re-drive: refused rows are read once more. A copy of the original message goes to its topic and partition and names
them; that it was sent is written in the same transaction, so that twice is not double.

One transactional id for all re-drives: whoever begins ends what another was about to send, and only then reads what has
been sent before.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from astroscale_shared.messaging import assignment, clients, copies, letters, provenance, receipts, spans
from astroscale_shared.messaging.contracts import DeadLetter
from astroscale_shared.messaging.letters import Refused
from astroscale_shared.messaging.outcome import Outgoing
from astroscale_shared.messaging.provenance import MOST_HOPS, Provenance
from astroscale_shared.messaging.receipts import Receipts
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

MAX_HOPS: Final = 3
TRANSACTIONAL_ID: Final = "astro.dlq.redrive"
_MAX_RANGES: Final = 2_000
"""Rows that a copy names are in its header, which has to find room beside the message."""


@dataclass(slots=True)
class Planned:
    """What is to be done with one refused message. rows: to be read once more. done: how many of those that were asked
    for have been re-driven before. problem: why nothing can be done. sent: positions of the copies."""

    message: Refused
    rows: list[int]
    done: int = 0
    problem: str | None = None
    sent: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Original:
    """A refused message as it was."""

    value: bytes
    key: bytes | None
    headers: copies.WireHeaders


@dataclass(frozen=True, slots=True)
class _Copy:
    planned: Planned
    rows: list[int]
    outgoing: Outgoing


def plan(message: Refused, given: Receipts, *, reason: str | None = None, max_hops: int = MAX_HOPS) -> Planned:
    """What a re-drive of a message's rows, of one reason or all, would do."""
    asked = message.chosen(reason)
    before = given.rows(message)
    planned = Planned(message, [row for row in asked if row not in before])
    planned.done = len(asked) - len(planned.rows)
    if not message.rows:
        planned.problem = "the letter that named its refused rows has expired"
    elif planned.rows and message.head.hop >= min(max_hops, MOST_HOPS):
        planned.problem = f"re-driven {message.head.hop} times already, and refused again"
    return planned


async def plans(
    settings: KafkaSettings, messages: Iterable[Refused], *, reason: str | None = None, max_hops: int = MAX_HOPS
) -> list[Planned]:
    """What a re-drive of these messages would do now."""
    given = await receipts.read(settings)
    return [plan(message, given, reason=reason, max_hops=max_hops) for message in messages]


async def run(
    settings: KafkaSettings,
    messages: Sequence[Refused],
    *,
    reason: str | None = None,
    max_hops: int = MAX_HOPS,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Planned]:
    """Re-drive; what became of each message. `progress` hears how many rows each transaction named.

    AstroScaleError `redrive_taken_over` where another re-drive began meanwhile: what was committed before is done, and
    has its receipt.
    """
    producer = copies.producer(settings, TRANSACTIONAL_ID)
    try:
        await producer.start()
        planned = await plans(settings, messages, reason=reason, max_hops=max_hops)
        async with spans.reading(settings) as client:
            await _send_all(settings, producer, client, planned, progress)
    except KafkaError as error:
        if not clients.was_fenced(producer, error):
            raise
        raise AstroScaleError(
            "redrive_taken_over", "another re-drive has begun; what this one had sent is done, the rest is not"
        ) from error
    finally:
        await assignment.close(producer)
    return planned


def copy(message: Refused, original: Original, rows: Sequence[int]) -> list[tuple[list[int], Outgoing]]:
    """The copies to send, one if their header has room for all rows, and which rows each names."""
    head = message.head
    own = copies.said(original.headers)
    made: list[tuple[list[int], Outgoing]] = []
    # A message that could not be read as a whole counts as one row, and may have any number: as before, all are meant.
    for named in [None] if head.rows_total <= 1 else _portions(rows):
        new = Provenance(head.origin, head.hop + 1, own.rows if named is None else named, own.replay_id)
        headers = copies.with_provenance(original.headers, new)
        outgoing = Outgoing(message.source.topic, original.value, original.key, headers, head.partition)
        made.append((list(rows) if named is None else [row for run in named for row in run], outgoing))
    return made


async def _send_all(
    settings: KafkaSettings,
    producer: AIOKafkaProducer,
    client: AIOKafkaConsumer,
    planned: Sequence[Planned],
    progress: Callable[[int], None],
) -> None:
    waiting: list[_Copy] = []
    size = 0
    todo = [one for one in planned if one.rows and one.problem is None]
    async for one, original in originals(client, todo):
        made = copy(one.message, original, one.rows)
        if not all(copies.fits(outgoing, settings.compression) for _, outgoing in made):
            one.problem = "as it would be compressed now, the broker does not take a message so large"
            continue
        waiting += [_Copy(one, rows, outgoing) for rows, outgoing in made]
        size += len(original.value) * len(made)
        if len(waiting) >= copies.MAX_MESSAGES or size >= copies.MAX_BYTES:
            await _commit(producer, waiting, progress)
            waiting, size = [], 0
    if waiting:
        await _commit(producer, waiting, progress)


async def _commit(producer: AIOKafkaProducer, batch: Sequence[_Copy], progress: Callable[[int], None]) -> None:
    now = int(time.time() * 1000)
    async with producer.transaction():
        offsets = await copies.send(producer, [one.outgoing for one in batch])
        sent = [
            provenance.position(one.outgoing.topic, one.planned.message.head.partition, offset)
            for one, offset in zip(batch, offsets, strict=True)
        ]
        given = [receipts.write(o.planned.message, o.rows, to, now) for o, to in zip(batch, sent, strict=True)]
        await copies.send(producer, given)
    for one, to in zip(batch, sent, strict=True):
        one.planned.sent.append(to)
    progress(sum(len(one.rows) for one in batch))


async def originals(client: AIOKafkaConsumer, planned: Sequence[Planned]) -> AsyncIterator[tuple[Planned, Original]]:
    """Each message as it was: of its letters, or of its topic where they do not hold it whole; of one that is nowhere,
    its problem says so."""
    awaited: dict[tuple[TopicPartition, int], Planned] = {}
    asked: dict[TopicPartition, list[int]] = {}
    for one in planned:
        m = one.message
        if m.whole:
            tp = TopicPartition(m.source.dlq, m.partition)
            held = [offset for offset, part in zip(m.offsets, m.parts, strict=True) if part < m.head.chunks]
            asked.setdefault(tp, []).extend(held)
            awaited |= {(tp, offset): one for offset in held}
        elif (original := await _on_its_topic(client, m.head)) is not None:
            yield one, original
        else:
            one.problem = "its letters do not hold the whole message, and its topic does not hold it any more"
    parts: dict[int, list[DeadLetter]] = {}
    async for record in clients.between(client, {tp: (min(at), max(at) + 1) for tp, at in asked.items()}):
        one = awaited.get((TopicPartition(record.topic, record.partition), record.offset))
        letter = letters.parse(record.value) if one else None
        if one is None or letter is None:
            continue
        found = parts.setdefault(id(one), [])
        found.append(letter)
        if len(found) == one.message.head.chunks:
            yield one, Original(letters.value(parts.pop(id(one))), letters.key(letter), letters.headers(letter))


async def _on_its_topic(client: AIOKafkaConsumer, head: DeadLetter) -> Original | None:
    record = await spans.record_at(client, head.topic, head.partition, head.offset)
    # A topic that was made anew has other messages at the same offsets.
    if record is None or record.timestamp != head.timestamp_ms:
        return None
    return Original(record.value or b"", record.key, record.headers)


def _portions(rows: Sequence[int]) -> list[tuple[range, ...]]:
    runs = provenance.runs(rows)
    return [runs[i : i + _MAX_RANGES] for i in range(0, len(runs), _MAX_RANGES)]
