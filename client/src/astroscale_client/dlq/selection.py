"""Which refused messages are meant, and finding them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from astroscale_shared.messaging import clients, letters, spans
from astroscale_shared.messaging.contracts import DeadLetter
from astroscale_shared.messaging.letters import Gathering, Refused, Source
from astroscale_shared.messaging.reasons import Reason
from astroscale_shared.messaging.spans import EVERYTHING, Edge
from astroscale_shared.runtime.errors import AstroScaleError

from astroscale_client import moments

_LETTERS_WITHIN_MS: Final = 60_000
"""The letters of one message are written in one transaction, which lasts no longer."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Refused messages: of these topics, refused at since_ms <= time < until_ms, with a row of this reason, at this
    position (source's name, partition and offset of one of its letters)."""

    sources: tuple[Source, ...] = letters.SOURCES
    reason: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    position: tuple[str, int, int] | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing was chosen."""
        return (self.reason, self.since_ms, self.until_ms, self.position) == (None, None, None, None)

    def takes(self, message: Refused) -> bool:
        """Whether a message is meant."""
        if self.position is not None:
            name, partition, offset = self.position
            here = (message.source.name, message.partition) == (name, partition)
            return here and offset in message.offsets
        if self.reason is not None and self.reason not in message.rows:
            return False
        since, until = self.since_ms, self.until_ms
        return (since is None or message.at_ms >= since) and (until is None or message.at_ms < until)


@dataclass(slots=True)
class Found:
    """messages: oldest first. unreadable: records of dead-letter topics that are no letters of ours."""

    messages: list[Refused]
    unreadable: int


def parse(
    *,
    topic: str | None = None,
    reason: str | None = None,
    since: str | None = None,
    until: str | None = None,
    position: str | None = None,
) -> Selection:
    """A selection as it is typed; AstroScaleError `usage`."""
    sources = tuple(source for source in letters.SOURCES if topic in (None, source.name))
    if not sources:
        raise AstroScaleError("usage", f"--topic {topic}: raw or encoded")
    if reason is not None and reason not in list(Reason):
        raise AstroScaleError("usage", f"{reason!r} is no reason; there are {', '.join(Reason)}")
    at = parse_position(position, sources) if position is not None else None
    return Selection(
        sources,
        reason,
        moments.moment(since) if since else None,
        moments.moment(until) if until else None,
        at,
    )


def parse_position(text: str, sources: Sequence[Source] = letters.SOURCES) -> tuple[str, int, int]:
    """Of `raw-0-17`, or with the dead-letter topic's whole name: (raw, 0, 17); AstroScaleError `usage`."""
    name, _, rest = text.strip().rpartition("-")
    topic, _, partition = name.rpartition("-")
    source = next((s for s in sources if topic in (s.name, s.dlq)), None)
    if source is None or not (partition.isascii() and partition.isdigit() and rest.isascii() and rest.isdigit()):
        raise AstroScaleError("usage", f"{text!r} is no position: write it as `astroscale dlq list` does, as raw-0-17")
    return source.name, int(partition), int(rest)


async def find(client: AIOKafkaConsumer, chosen: Selection) -> Found:
    """The messages that are meant."""
    gatherings: list[Gathering] = []
    begin = EVERYTHING if chosen.since_ms is None else Edge(at_ms=chosen.since_ms - _LETTERS_WITHIN_MS)
    for source in chosen.sources:
        if chosen.position is not None and chosen.position[0] != source.name:
            continue
        gathering = Gathering(source)
        async for record in clients.between(client, await spans.of(client, source.dlq, begin)):
            gathering.add(record)
        gatherings.append(gathering)
    found = [message for message in letters.in_order(gatherings) if chosen.takes(message)]
    return Found(found, sum(gathering.unreadable for gathering in gatherings))


async def one(client: AIOKafkaConsumer, chosen: Selection) -> Refused:
    """The message at a position; AstroScaleError `no_such_letter`."""
    found = await find(client, chosen)
    if not found.messages:
        raise AstroScaleError("no_such_letter", "there is no letter at this position (any more)")
    return found.messages[0]


async def letters_of(
    client: AIOKafkaConsumer, messages: Sequence[Refused]
) -> AsyncIterator[tuple[Refused, DeadLetter]]:
    """Their letters, whole, in the order of their topics."""
    asked: dict[TopicPartition, dict[int, Refused]] = {}
    for message in messages:
        there = asked.setdefault(TopicPartition(message.source.dlq, message.partition), {})
        there |= dict.fromkeys(message.offsets, message)
    wanted = {tp: (min(offsets), max(offsets) + 1) for tp, offsets in asked.items()}
    async for record in clients.between(client, wanted):
        message = asked[TopicPartition(record.topic, record.partition)].get(record.offset)
        letter = letters.parse(record.value) if message is not None else None
        if message is not None and letter is not None:
            yield message, letter
