"""Replay by command, on a real broker: a stretch of a topic once more, resumable, and nobody else's place is moved."""

import asyncio
import contextlib
import io
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import TopicPartition
from astroscale_shared.messaging import clients, copies, provenance, replay, spans, topics
from astroscale_shared.messaging.headers import Headers
from astroscale_shared.messaging.provenance import Provenance
from astroscale_shared.messaging.provisioning import create_topics
from astroscale_shared.messaging.replay import Replay
from astroscale_shared.messaging.spans import Edge
from astroscale_shared.runtime.settings import KafkaSettings

from tests.support.operator import Operator, at_terminal
from tests.support.pipes import committed
from tests.support.servers import RunningKafka, in_thread
from tests.support.stars import SUN_LIKE

STAR = orjson.dumps(SUN_LIKE)


@dataclass
class Stretch:
    """Raw messages on partitions 0 and 1, one star each, and a topic to replay them into."""

    settings: KafkaSettings
    into: str
    begin_ms: int

    async def produce(self, count: int, headers: Headers | None = None, partition: int | None = None) -> list[int]:
        """Their offsets; headers are those of each."""
        producer = clients.producer(self.settings)
        await producer.start()
        try:
            places = [i % 2 if partition is None else partition for i in range(count)]
            sent = [
                await producer.send(topics.RAW, STAR, key=str(i).encode(), headers=headers or [], partition=p)
                for i, p in enumerate(places)
            ]
            return [done.offset for done in await asyncio.gather(*sent)]
        finally:
            await producer.stop()

    async def copied(self, into: str | None = None) -> list[Any]:
        return await clients.read_to_end(self.settings, into or self.into)

    def asked(self, replay_id: str, **changed: Any) -> Replay:
        return Replay(replay_id, topics.RAW, self.into, begin=Edge(at_ms=self.begin_ms), **changed)


@pytest.fixture
def stretch(kafka: RunningKafka) -> Stretch:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    in_thread(lambda: asyncio.run(create_topics(settings)))
    return Stretch(settings, kafka.create_topic("replayed", 2), round(time.time() * 1000))


@pytest.fixture
def astroscale(
    stretch: Stretch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Operator:
    return at_terminal(stretch.settings, tmp_path, monkeypatch, capsys)


def origins(records: list[Any]) -> list[str | None]:
    return [copies.said(record.headers).origin for record in records]


def test_into_another_topic_by_offset(stretch: Stretch, astroscale: Operator) -> None:
    offsets = asyncio.run(stretch.produce(10, [("run-id", b"night")], partition=1))
    assert not asyncio.run(replay.look(stretch.settings, stretch.asked("never-begun"))).resumed
    before = asyncio.run(committed(stretch.settings, topics.PREPROCESSOR_GROUP, topics.RAW))
    done = astroscale.json(
        "replay", "--from", str(offsets[2]), "--until", str(offsets[7]), "--partition", "1", "--into", stretch.into
    )
    assert (done["rows"], done["messages"], done["resumed"]) == (5, 5, False)
    found = asyncio.run(stretch.copied())
    assert [(r.partition, r.key, r.value) for r in found] == [(1, str(i).encode(), STAR) for i in range(2, 7)]
    assert origins(found) == [f"{topics.RAW}-1-{offset}" for offset in offsets[2:7]]
    assert {copies.said(r.headers).replay_id for r in found} == {done["id"]}
    assert dict(found[0].headers)["run-id"] == b"night"
    assert asyncio.run(committed(stretch.settings, topics.PREPROCESSOR_GROUP, topics.RAW)) == before

    again = astroscale("replay", "--from", "1", "--id", done["id"], "--into", stretch.into)
    assert f"replay {done['id']} is done already" in again
    assert len(asyncio.run(stretch.copied())) == 5


def test_into_the_same_topic_asks_first_and_leaves_copies_out(
    stretch: Stretch, astroscale: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    offsets = asyncio.run(stretch.produce(3, partition=0))
    span = ("--from", str(offsets[0]), "--partition", "0")
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert "Aborted" in astroscale("replay", *span, code=1)
    assert "add --yes" in astroscale("replay", *span, "--json", code=2)
    first = astroscale.json("replay", *span, "--yes")
    assert first["rows"] == 3
    second = astroscale.json("replay", *span, "--yes")
    assert (second["rows"], second["left_out"]) == (3, 3)
    written = [r for r in asyncio.run(stretch.copied(topics.RAW)) if r.partition == 0 and r.offset > offsets[-1]]
    assert sorted(origins(written), key=str) == sorted([f"{topics.RAW}-0-{o}" for o in offsets] * 2)


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        (("--into", "nowhere"), "topic nowhere does not exist", 1),
        (("--into", topics.PREDICTIONS), "holds other messages", 1),
        (("--topic", "cooked"), "raw or encoded", 2),
        (("--id", "a b"), "a replay's id has", 1),
        (("--partition", "9"), "has partitions 0 to 3, not 9", 1),
        (("--from", "yesterday"), "is no time", 2),
    ],
)
def test_what_cannot_be_is_a_sentence(astroscale: Operator, options: tuple[str, ...], said: str, code: int) -> None:
    assert said in astroscale("replay", "--from", "1h", *options, "--yes", code=code)


async def test_killed_anywhere_it_goes_on_without_loss_or_repeat(stretch: Stretch) -> None:
    await stretch.produce(60)
    asked = stretch.asked(f"r-{uuid.uuid4().hex[:8]}", rate=40.0)
    for rows in (10, 30):
        running = asyncio.create_task(replay.run(stretch.settings, asked))
        while len(await stretch.copied()) < rows:
            await asyncio.sleep(0.1)
            assert not running.done()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    await stretch.produce(10)  # later than its span
    done = await replay.run(stretch.settings, asked)
    assert done.resumed
    assert (done.done, done.sum("rows")) == (True, 60)
    found = await stretch.copied()
    assert len(found) == len(set(origins(found))) == 60
    there = await committed(stretch.settings, asked.group, topics.RAW)
    assert {p: offset for p, (offset, _) in there.items()} == {tp.partition: pl.end for tp, pl in done.places.items()}


async def test_the_rate_is_kept_and_progress_is_heard(stretch: Stretch) -> None:
    await stretch.produce(30)
    heard: list[tuple[int, int]] = []
    began = time.monotonic()
    await replay.run(
        stretch.settings,
        stretch.asked("rate-" + uuid.uuid4().hex[:8], rate=20.0),
        progress=lambda now: heard.append((now.read, now.sum("rows"))),
    )
    assert 1.4 < time.monotonic() - began < 10
    assert heard == sorted(heard)
    assert heard[0] == (0, 0)
    assert heard[-1] == (30, 30)


async def test_what_a_re_drive_named_stays_named(stretch: Stretch) -> None:
    rows = orjson.dumps([SUN_LIKE] * 3)
    before = Provenance("raw-0-1", 2, (range(1, 2),))
    producer = clients.producer(stretch.settings)
    await producer.start()
    try:
        headers = provenance.write(before)
        sent = await producer.send_and_wait(topics.RAW, rows, partition=3, headers=headers)
    finally:
        await producer.stop()
    name = "named-" + uuid.uuid4().hex[:8]
    asked = Replay(name, topics.RAW, stretch.into, Edge(sent.offset), Edge(sent.offset + 1), partition=3)
    done = await replay.run(stretch.settings, asked)
    assert (done.sum("rows"), list(done.places)) == (1, [TopicPartition(topics.RAW, 3)])
    async with spans.reading(stretch.settings) as client:
        record = await spans.record_at(client, stretch.into, 1, 0)
    assert record is not None
    assert copies.said(record.headers) == Provenance("raw-0-1", 2, (range(1, 2),), name)
