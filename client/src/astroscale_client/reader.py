"""Topics and groups as the broker sees them now: where they begin, where they end, how far a group is."""

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import TopicPartition
from astroscale_shared.messaging import clients, topics
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

EXACT_BELOW: Final = 1_000
"""Transactions leave markers, which take offsets and are no records: a short distance is counted by reading it."""

Offsets = dict[int, int]
"""By partition."""


class Reader:
    """Clients without a group: nothing that they do is seen by anyone else. An asynchronous context manager, which
    raises AstroScaleError `kafka_unreachable` where no broker answers."""

    def __init__(self, settings: KafkaSettings, *, deadline: float = 5.0) -> None:
        self._settings = settings
        self._deadline = deadline
        self._partitions: dict[str, list[TopicPartition]] = {}

    async def __aenter__(self) -> Self:
        await clients.wait_for_broker(self._settings, deadline=self._deadline)
        self._admin = clients.admin(self._settings)
        self._committed = _consumer(self._settings, "read_committed")
        self._everything = _consumer(self._settings, "read_uncommitted")
        try:
            for client in (self._admin, self._committed, self._everything):
                await client.start()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        await clients.stop(self._committed)
        await clients.stop(self._everything)
        await self._admin.close()

    async def group_offsets(self, group: str, topic: str) -> Offsets:
        """The group's committed offsets; partitions that it has never committed are not there."""
        found = await self._admin.list_consumer_group_offsets(group)
        return {tp.partition: entry.offset for tp, entry in found.items() if tp.topic == topic and entry.offset >= 0}

    async def stable_ends(self, topic: str) -> Offsets:
        """The last stable offsets: before them no transaction is open."""
        return _by_partition(await self._committed.end_offsets(await self._of(topic)))

    async def last_ends(self, topic: str) -> Offsets:
        """The last offsets, open transactions included."""
        return _by_partition(await self._everything.end_offsets(await self._of(topic)))

    async def beginnings(self, topic: str) -> Offsets:
        """The first offsets that are still held."""
        return _by_partition(await self._committed.beginning_offsets(await self._of(topic)))

    async def lag(self, group: str, topic: str) -> Offsets:
        """Committed records that the group has not done. Above `EXACT_BELOW`, the distance in offsets."""
        done = await self.group_offsets(group, topic)
        begins = await self.beginnings(topic)
        lags: Offsets = {}
        for partition, end in (await self.stable_ends(topic)).items():
            start = max(done.get(partition, 0), begins[partition])
            distance = max(0, end - start)
            short = 0 < distance <= EXACT_BELOW
            lags[partition] = await self._count(TopicPartition(topic, partition), start, end) if short else distance
        return lags

    def scan(self, topic: str, ends: Offsets) -> AsyncIterator[Any]:
        """The topic's committed records from its beginning to these offsets."""
        return clients.scan(self._committed, topic, stop_after=ends)

    async def _of(self, topic: str) -> list[TopicPartition]:
        if topic not in self._partitions:
            answer = await self._admin.describe_topics([topic])
            found = sorted(p["partition"] for p in answer[0]["partitions"]) if answer else []
            if not found:
                raise AstroScaleError(
                    "topic_missing", f"topic {topic} does not exist: provision the topics first (`make up`)"
                )
            self._partitions[topic] = [TopicPartition(topic, partition) for partition in found]
        return self._partitions[topic]

    async def _count(self, tp: TopicPartition, start: int, end: int) -> int:
        client = self._committed
        client.assign([tp])
        client.seek(tp, start)
        count = 0
        while await client.position(tp) < end:
            for records in (await client.getmany(tp, timeout_ms=200)).values():
                count += sum(record.offset < end for record in records)
        return count


def _consumer(settings: KafkaSettings, isolation: str) -> Any:
    # A broker answers a connection's requests in order: questions for offsets would wait behind an empty long poll.
    return clients.consumer(
        settings,
        group_id=None,
        isolation_level=isolation,
        max_partition_fetch_bytes=topics.DLQ_MAX_BYTES,
        fetch_max_wait_ms=20,
    )


def _by_partition(offsets: dict[TopicPartition, int]) -> Offsets:
    return {tp.partition: offset for tp, offset in offsets.items()}
