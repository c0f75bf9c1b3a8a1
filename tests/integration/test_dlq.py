"""Dead letters by command, before a real broker and a running preprocessor: seen, exported, re-driven once."""

import asyncio
import json
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astroscale_shared.messaging import clients, codec, copies, deadletters, receipts, redrive, spans, topics
from astroscale_shared.messaging.contracts import ARROW, CONTENT_TYPE, DeadLetter, RejectedRow
from astroscale_shared.messaging.letters import RAW, Gathering, Refused, Source
from astroscale_shared.messaging.provisioning import create_topics
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

from tests.support.operator import Operator, at_terminal
from tests.support.pipes import until
from tests.support.servers import RunningKafka, in_thread
from tests.support.services import running_service
from tests.support.stars import Record

BAD = {17: 91.0, 4_000: -95.0, 9_999: 90.5}


def ten_thousand() -> bytes:
    dec = np.zeros(10_000)
    dec[list(BAD)] = list(BAD.values())
    return codec.to_bytes(pa.RecordBatch.from_pydict({"ra": np.linspace(0, 359, 10_000), "dec": dec}))


@dataclass
class Topics:
    """What is on the topics of the session's broker."""

    settings: KafkaSettings

    async def produce(self, value: bytes, **options: Any) -> tuple[int, int]:
        """A raw message on partition 1; its position."""
        producer = clients.producer(self.settings)
        await producer.start()
        try:
            sent = await producer.send_and_wait(topics.RAW, value, partition=1, **options)
        finally:
            await producer.stop()
        return sent.partition, sent.offset

    async def letters(self, at: tuple[int, int]) -> list[Refused]:
        """The messages of dead letters about a raw message."""
        gathering = Gathering(RAW)
        for record in await clients.read_to_end(self.settings, topics.RAW_DLQ):
            gathering.add(record)
        return [m for m in gathering.messages if (m.head.partition, m.head.offset) == at]

    async def letter(self, at: tuple[int, int]) -> Refused:
        """The letter about a raw message, once it is there."""
        await until(lambda: self.letters(at), f"a letter about {at}")
        return (await self.letters(at))[0]

    async def raw(self, at: tuple[int, int]) -> Any:
        """A raw message."""
        async with spans.reading(self.settings) as client:
            return await spans.record_at(client, topics.RAW, *at)

    async def encoded(self, at: tuple[int, int]) -> list[int]:
        """The rows of a raw message that were encoded."""
        rows: list[int] = []
        for record in await clients.read_to_end(self.settings, topics.ENCODED):
            batch = codec.from_trusted(record.value)
            of = zip(*(batch.column(f"raw_{name}").to_pylist() for name in ("partition", "offset", "row")), strict=True)
            rows += [row for partition, offset, row in of if (partition, offset) == at]
        return rows


def place(sent: str) -> tuple[int, int]:
    """Partition and offset of a position on the raw topic."""
    found = re.fullmatch(rf"{re.escape(topics.RAW)}-(\d+)-(\d+)", sent)
    assert found is not None, sent
    return int(found[1]), int(found[2])


@pytest.fixture(scope="module")
def there(kafka: RunningKafka, tmp_path_factory: pytest.TempPathFactory) -> Generator[Topics]:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    in_thread(lambda: asyncio.run(create_topics(settings)))
    with running_service("preprocessor", settings, tmp_path_factory.mktemp("preprocessor")):
        yield Topics(settings)


@pytest.fixture
def astroscale(
    there: Topics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Operator:
    return at_terminal(there.settings, tmp_path, monkeypatch, capsys)


def test_three_bad_rows_of_ten_thousand_are_three_attempts_once_and_not_for_ever(
    there: Topics, astroscale: Operator
) -> None:
    headers = [(CONTENT_TYPE, ARROW.encode()), ("run-id", b"night-1")]
    at = asyncio.run(there.produce(ten_thousand(), headers=headers, key=b"k"))
    letter = asyncio.run(there.letter(at))
    assert (letter.chosen(), letter.head.rows_total) == (list(BAD), 10_000)
    good = asyncio.run(there.encoded(at))
    assert len(good) == len(set(good)) == 9_997

    planned = astroscale.json("dlq", "redrive", "--position", letter.position, "--dry-run")
    assert (planned["rows"], planned["messages"][0]["sent"]) == (3, [])

    done = astroscale.json("dlq", "redrive", "--position", letter.position, "--yes")
    assert done["rows"] == 3
    copied = place(done["messages"][0]["sent"][0])
    record = asyncio.run(there.raw(copied))
    assert (record.value, record.key, record.partition) == (ten_thousand(), b"k", 1)
    assert dict(record.headers) == dict(headers) | {
        "astro-origin": f"{topics.RAW}-{at[0]}-{at[1]}".encode(),
        "astro-hop": b"1",
        "astro-rows": b"17,4000,9999",
    }
    # Nothing was set right: the three are refused again, and their neighbours are not repeated.
    again = asyncio.run(there.letter(copied))
    assert (again.chosen(), again.head.hop, again.head.origin) == (list(BAD), 1, f"{topics.RAW}-{at[0]}-{at[1]}")
    assert asyncio.run(there.encoded(copied)) == []

    twice = astroscale("dlq", "redrive", "--position", letter.position, "--yes")
    assert "skipped: 3 rows re-driven before" in twice
    assert "nothing to re-drive" in twice
    refused = astroscale("dlq", "redrive", "--position", again.position, "--yes", "--max-hops", "1", code=3)
    assert f"not re-driven: {again.position}: re-driven 1 times already, and refused again" in refused
    assert astroscale.json("dlq", "redrive", "--position", again.position, "--yes")["rows"] == 3


def test_only_rows_of_the_reason_are_re_driven(there: Topics, astroscale: Operator) -> None:
    rows = [{"ra": 1, "dec": 2}, {"ra": 400, "dec": 2}, {"ra": "x", "dec": 2}, {"ra": -1, "dec": 2}]
    letter = asyncio.run(there.letter(asyncio.run(there.produce(json.dumps(rows).encode()))))
    options = ("--position", letter.position, "--yes")
    first = astroscale.json("dlq", "redrive", *options, "--reason", "wrong_type")
    assert first["messages"][0]["rows"] == [2]
    rest = astroscale.json("dlq", "redrive", *options)
    assert (rest["messages"][0]["rows"], rest["redriven_before"]) == ([1, 3], 1)
    assert dict(asyncio.run(there.raw(place(rest["messages"][0]["sent"][0]))).headers)["astro-rows"] == b"1,3"


def test_letters_are_listed_shown_and_exported(there: Topics, astroscale: Operator, tmp_path: Path) -> None:
    text = json.dumps([{"ra": 1, "dec": 2}, {"ra": 400, "dec": 2, "survey": "[red]"}])
    first = asyncio.run(there.letter(asyncio.run(there.produce(text.encode(), headers=[("run-id", b"\x1b[31m")]))))
    second = asyncio.run(there.letter(asyncio.run(there.produce(b"\xff\x00no text"))))

    listed = astroscale.json("dlq", "list", "--since", "1h", "--limit", "100000")
    mine = {one["position"]: one for one in listed["letters"]}
    assert mine[first.position]["reasons"] == {"out_of_range": 1}
    assert (mine[first.position]["first"]["field"], mine[first.position]["redriven"]) == ("ra", 0)
    assert sum(one["rows"] for one in listed["reasons"]) == sum(one["rows_refused"] for one in listed["letters"])
    only = astroscale.json("dlq", "list", "--reason", "not_utf8", "--limit", "100000")["letters"]
    assert second.position in [one["position"] for one in only]
    assert first.position not in [one["position"] for one in only]
    assert "not_utf8" in astroscale("dlq", "list", "--topic", "raw", "--limit", "1")
    assert "no dead letters" in astroscale("dlq", "list", "--until", "2020-01-01")

    shown = astroscale("dlq", "show", first.position)
    assert "ra = 400" in shown or "ra is 400" in shown
    assert text in shown
    assert "\\x1b[31m" in shown
    assert "export --raw" in astroscale("dlq", "show", second.position)
    assert astroscale.json("dlq", "show", first.position)["text"] == text
    assert "there is no letter" in astroscale("dlq", "show", "raw-0-99999999", code=1)

    assert "1 letters of 1 messages" in astroscale(
        "dlq", "export", "--out", "letters.jsonl", "--position", first.position
    )
    line = json.loads((tmp_path / "letters.jsonl").read_text("utf-8"))
    assert line["position"] == first.position
    assert DeadLetter.model_validate(line).rejected[0].row == 1
    assert "is there already" in astroscale("dlq", "export", "--out", "letters.jsonl", code=1)
    astroscale("dlq", "export", "--raw", "--out", "raw", "--since", "1h")
    assert (tmp_path / "raw" / f"{first.position}.json").read_text("utf-8") == text
    assert (tmp_path / "raw" / f"{second.position}.bin").read_bytes() == b"\xff\x00no text"


# --- what no preprocessor writes to order: letters in several parts, cut ones, two operators ---------------------------


@dataclass
class Written:
    """A topic and its dead letters, both fresh."""

    settings: KafkaSettings
    source: Source

    async def letter(self, record: Record, rows: int, *, parts: slice = slice(None), **changed: Any) -> None:
        """The letters of a message whose first rows are refused; only some of them; changed."""
        refused = [RejectedRow(row=row, code="out_of_range", detail="bad") for row in range(rows)]
        made = deadletters.letters(self.source.dlq, record, {}, refused, rows_total=rows + 1, service="preprocessor")
        producer = clients.producer(self.settings, max_request_size=topics.DLQ_MAX_BYTES)
        await producer.start()
        try:
            for out in made[parts]:
                value = json.dumps(json.loads(out.value) | changed).encode()
                await producer.send_and_wait(out.topic, value, partition=0)
        finally:
            await producer.stop()

    async def messages(self) -> list[Refused]:
        gathering = Gathering(self.source)
        for record in await clients.read_to_end(self.settings, self.source.dlq):
            gathering.add(record)
        return gathering.messages

    async def sent(self) -> list[Any]:
        return await clients.read_to_end(self.settings, self.source.topic)


@pytest.fixture
async def written(kafka: RunningKafka, make_topic: Callable[..., str]) -> Written:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    await create_topics(settings)
    dlq = make_topic("dlq", **{"max.message.bytes": str(topics.DLQ_MAX_BYTES)})
    return Written(settings, Source("raw", make_topic("raw"), dlq))


async def test_a_message_in_several_letters_is_sent_whole(written: Written) -> None:
    value = b"[" + b" " * 5_000_000 + np.random.default_rng(1).bytes(500_000) + b"]"
    await written.letter(Record(value, topic=written.source.topic), 12_000)
    await written.letter(Record(b"small", offset=1, topic=written.source.topic), 1)
    messages = await written.messages()
    assert len(messages[0].offsets) > 1
    heard: list[int] = []
    done = await redrive.run(written.settings, messages, progress=heard.append)
    assert [len(one.sent) for one in done] == [1, 1]
    large, small = await written.sent()
    assert (large.value, small.value) == (value, b"small")
    assert copies.said(large.headers).rows == (range(12_000),)
    assert sum(heard) == 12_001


async def test_a_cut_letter_is_read_from_its_topic_or_refused(written: Written) -> None:
    topic = written.source.topic
    producer = clients.producer(written.settings)
    await producer.start()
    try:
        there = await producer.send_and_wait(topic, b"whole", partition=0, headers=[("run-id", b"r")])
    finally:
        await producer.stop()
    held = Record(b"who", offset=there.offset, topic=topic, timestamp=there.timestamp)
    await written.letter(held, 2, value_packing="cut")
    await written.letter(Record(b"go", offset=there.offset + 50, topic=topic), 1, value_packing="cut")
    big = Record(np.random.default_rng(1).bytes(5 << 20), offset=there.offset + 60, topic=topic)
    await written.letter(big, 12_000, parts=slice(1, None))
    from_topic, *gone = await redrive.run(written.settings, await written.messages())
    assert (len(from_topic.sent), from_topic.problem) == (1, None)
    record = (await written.sent())[-1]
    assert (record.value, dict(record.headers)["run-id"]) == (b"whole", b"r")
    assert [one.problem for one in gone] == [
        "its letters do not hold the whole message, and its topic does not hold it any more"
    ] * 2


async def test_two_operators_at_once_send_a_row_once(written: Written) -> None:
    for offset in range(20):
        await written.letter(Record(b"x", offset=offset, topic=written.source.topic), 2)
    messages = await written.messages()
    answers = await asyncio.gather(*(redrive.run(written.settings, messages) for _ in range(2)), return_exceptions=True)
    for answer in answers:
        assert isinstance(answer, list) or (isinstance(answer, AstroScaleError) and answer.code == "redrive_taken_over")
    last = await redrive.run(written.settings, messages)
    assert all(one.done + len(one.rows) == 2 for one in last)
    assert len(await written.sent()) == 20
    given = await receipts.read(written.settings)
    assert all(given.rows(message) == {0, 1} for message in messages)


async def test_a_re_drive_that_died_before_its_commit_has_sent_nothing(written: Written) -> None:
    await written.letter(Record(b"x", topic=written.source.topic), 1)
    messages = await written.messages()
    dying = copies.producer(written.settings, redrive.TRANSACTIONAL_ID)
    await dying.start()
    await dying.begin_transaction()
    [(rows, out)] = redrive.copy(messages[0], redrive.Original(b"x", None, []), [0])
    await copies.send(dying, [out, receipts.write(messages[0], rows, "raw-0-0", 1)])
    done = await redrive.run(written.settings, messages)
    assert len(done[0].sent) == 1
    assert len(await written.sent()) == 1
    await dying.stop()
