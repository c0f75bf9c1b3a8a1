"""Everything bad that a producer can write, on the raw topic of a running preprocessor: each bad row is in a dead letter
once, with its reason and its place; every good row goes through; the ledger adds up."""

import asyncio
import base64
import json
import zlib
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from astroscale_shared.messaging import clients, codec, ledger, topics
from astroscale_shared.messaging.contracts import ARROW, DeadLetter
from astroscale_shared.messaging.provisioning import create_topics
from astroscale_shared.messaging.topics import PREPROCESSOR_GROUP
from astroscale_shared.runtime.settings import KafkaSettings

from tests.support.pipes import committed, until
from tests.support.servers import RunningKafka, in_thread
from tests.support.services import Service, running_service
from tests.support.stars import SUN_LIKE, random_stars

GOOD = orjson.dumps(SUN_LIKE)
IS_ARROW = [("content-type", ARROW.encode())]
STARS = codec.raw_batch(random_stars(20))
WHOLE = codec.to_bytes(STARS)


@dataclass
class Case:
    """A message, which of its rows must be refused and why, and how many must pass."""

    name: str
    value: bytes | None
    refused: dict[int, str]
    passed: int = 0
    headers: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    key: bytes | None = None
    at: tuple[int, int] = (-1, -1)


def dumps(*rows: Any) -> bytes:
    return json.dumps(rows).encode()


def changed(**cells: Any) -> dict[str, Any]:
    return {**SUN_LIKE, **cells}


def arrow(**columns: Any) -> bytes:
    return codec.to_bytes(pa.RecordBatch.from_pydict({"ra": [1.0, 2.0], "dec": [3.0, 4.0], **columns}))


def cases() -> list[Case]:
    nan, inf = float("nan"), float("inf")
    twice = pa.RecordBatch.from_arrays([pa.array([1.0])] * 3, names=["ra", "ra", "dec"])
    damaged = bytearray(WHOLE)
    damaged[200:260] = b"\xff" * 60
    return [
        Case("ra at 360", dumps(changed(), changed(ra=360)), {1: "out_of_range"}, 1),
        Case("ra below 0", dumps(changed(ra=-0.1)), {0: "out_of_range"}),
        Case("dec beyond the poles", dumps(changed(dec=90.1), changed(), changed(dec=-91)), {0: "out_of_range", 2: "out_of_range"}, 1),
        Case("teff of 0 and below", dumps(changed(teff=0), changed(teff=-5), changed()), {0: "out_of_range", 1: "out_of_range"}, 1),
        Case("no position", dumps({"dec": 1}, {"ra": None, "dec": 1}, {}, changed()), dict.fromkeys(range(3), "missing_required"), 1),
        Case("NaN and infinity", dumps(changed(), changed(ra=nan), changed(snr=inf), changed(teff=-inf)), dict.fromkeys((1, 2, 3), "not_finite"), 1),
        Case("a number beyond floats", b'[{"ra":1e400,"dec":1},{"ra":1,"dec":1}]', {0: "not_finite"}, 1),
        Case("strings for numbers", dumps(changed(teff="5800"), changed(), changed(ra="x")), {0: "wrong_type", 2: "wrong_type"}, 1),
        Case("a boolean and containers", dumps(changed(ra=True), changed(dec=[1]), changed(snr={})), dict.fromkeys(range(3), "wrong_type")),
        Case("half a surrogate", b'[{"ra":1,"dec":1,"survey":"\\ud800"},{"ra":1,"dec":1}]', {0: "not_utf8"}, 1),
        Case("a long text", dumps(changed(source_id="x" * 500), changed()), {0: "too_long"}, 1),
        Case("rows that are no objects", dumps(1, None, "x", [changed()], changed()), dict.fromkeys(range(4), "not_an_object"), 1),
        Case("deep nesting", b'{"ra":' + b"[" * 1_015 + b"]" * 1_015 + b"}", {0: "wrong_type"}),
        Case("deeper nesting", b"[" * 50_000, {0: "bad_json"}),
        Case("broken JSON", b'{"ra":1,', {0: "bad_json"}),
        Case("no JSON", b"ra,dec\n1,2", {0: "bad_json"}),
        Case("a number alone", b"42", {0: "not_an_object"}),
        Case("a broken line", GOOD + b'\n{"ra":\n' + GOOD + b"\n\xff\n", {1: "bad_json", 3: "not_utf8"}, 2),
        Case("not UTF-8", b"\xff\xfe\xfd", {0: "not_utf8"}),
        Case("null", None, {0: "empty_message"}, key=b"tombstone"),
        Case("empty", b"", {0: "empty_message"}),
        Case("an empty array", b"[]", {}),
        Case("unknown fields", dumps(changed(mag=5, note={"x": [1]})), {}, 1),
        Case("Arrow cut", WHOLE[: len(WHOLE) // 2], {0: "bad_arrow"}, headers=IS_ARROW),
        Case("Arrow cut to its head", WHOLE[:7], {0: "bad_arrow"}, headers=IS_ARROW),
        Case("Arrow damaged", bytes(damaged), {0: "bad_arrow"}, headers=IS_ARROW),
        Case("JSON under Arrow's name", GOOD, {0: "bad_arrow"}, headers=IS_ARROW),
        Case("Arrow under no name", WHOLE, {0: "not_utf8"}),
        Case("Arrow of strings", arrow(teff=["a", "b"]), {0: "wrong_type"}, headers=IS_ARROW),
        Case("Arrow with a column twice", codec.to_bytes(twice), {0: "duplicate_column"}, headers=IS_ARROW),
        Case("Arrow without ra", codec.to_bytes(STARS.drop_columns(["ra"])), dict.fromkeys(range(20), "missing_required"), headers=IS_ARROW),
        Case("Arrow with a bad row", arrow(dec=[91.0, 4.0], snr=[1, 2**62]), {0: "out_of_range", 1: "out_of_range"}, headers=IS_ARROW),
        Case("Arrow with nulls", arrow(teff=pa.nulls(2), survey=pa.array(["a", None]).dictionary_encode()), {}, 2, headers=IS_ARROW),
        Case("too many rows", codec.to_bytes(pa.RecordBatch.from_pydict({"x": np.zeros(1_000_001, np.int8)})), {0: "too_many_rows"}, headers=IS_ARROW),
        Case("null and undecodable headers", dumps(changed(ra=400), changed()), {0: "out_of_range"}, 1, headers=[("content-type", None), ("run-id", b"\xff\xfe"), ("", b"")]),
        Case("an unknown content type", GOOD, {}, 1, headers=[("content-type", b"\xff/html")]),
        Case("a key that is no text", dumps(changed(ra=400)), {0: "out_of_range"}, key=b"\xff\x00"),
        Case("ten thousand and one bad rows", dumps(*[{"ra": 400}] * 10_001), dict.fromkeys(range(10_001), "out_of_range")),
        Case("beyond a letter when unpacked", b'{"ra":400,' + b" " * 12_000_000 + b'"dec":1}', {0: "out_of_range"}),
    ]  # fmt: skip


@dataclass
class Outcome:
    """What the topics hold after all cases, by (partition, offset) of the raw message."""

    cases: dict[str, Case]
    neighbours: list[tuple[int, int]]
    letters: dict[tuple[int, int], list[DeadLetter]]
    encoded: dict[tuple[int, int], list[int]]
    totals: dict[str, int]
    metrics: dict[str, float]
    service: Service


@pytest.fixture(scope="module")
def outcome(kafka: RunningKafka, tmp_path_factory: pytest.TempPathFactory) -> Generator[Outcome]:
    """All cases go through a preprocessor, a good star before and after each on the same partition."""
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    found: list[Outcome] = []
    folder = tmp_path_factory.mktemp("preprocessor")
    in_thread(lambda: asyncio.run(create_topics(settings)))
    with running_service("preprocessor", settings, folder) as service:
        in_thread(lambda: found.append(asyncio.run(_through(settings, service))))
        yield found[0]


async def _through(settings: KafkaSettings, service: Service) -> Outcome:
    await _settled(settings, service)
    before, counted = await _totals(settings), _metrics(service)
    given = {case.name: case for case in cases()}
    neighbours: list[tuple[int, int]] = []
    # What the broker limits is a batch as it is compressed.
    producer = clients.producer(settings, max_request_size=64 << 20)
    await producer.start()
    try:
        for i, case in enumerate(given.values()):
            places = [
                await producer.send_and_wait(topics.RAW, value, key=key, headers=headers, partition=i % 4)
                for value, key, headers in ((GOOD, None, []), (case.value, case.key, case.headers), (GOOD, None, []))
            ]
            (first, case.at, last) = ((place.partition, place.offset) for place in places)
            neighbours += [first, last]
    finally:
        await producer.stop()
    await _settled(settings, service)
    letters: dict[tuple[int, int], list[DeadLetter]] = {}
    for record in await clients.read_to_end(settings, topics.RAW_DLQ):
        letter = DeadLetter.model_validate_json(record.value)
        letters.setdefault((letter.partition, letter.offset), []).append(letter)
    encoded: dict[tuple[int, int], list[int]] = {}
    for record in await clients.read_to_end(settings, topics.ENCODED):
        batch = codec.from_trusted(record.value)
        columns = (batch.column(name).to_pylist() for name in ("raw_partition", "raw_offset", "raw_row"))
        for partition, offset, row in zip(*columns, strict=True):
            encoded.setdefault((partition, offset), []).append(row)
    after = await _totals(settings)
    totals = {name: after[name] - before[name] for name in after}
    metrics = {name: value - counted[name] for name, value in _metrics(service).items()}
    return Outcome(given, neighbours, letters, encoded, totals, metrics, service)


async def _settled(settings: KafkaSettings, service: Service) -> None:
    """Whatever is on the raw topic, of other tests too, is processed; one more star on each partition says so."""
    producer = clients.producer(settings)
    await producer.start()
    try:
        last = [await producer.send_and_wait(topics.RAW, GOOD, partition=p) for p in range(4)]
    finally:
        await producer.stop()

    async def processed() -> bool:
        assert service.process.running, service.log()
        at = await committed(settings, PREPROCESSOR_GROUP, topics.RAW)
        return all(at.get(one.partition, (0, ""))[0] > one.offset for one in last)

    await until(processed, "all messages processed", 60.0)


METRICS = ("rows_in_total", "rows_encoded_total", "unknown_fields_total", 'rows_rejected_total{reason="wrong_type"}')


def _metrics(service: Service) -> dict[str, float]:
    return {name: service.metric(f"astroscale_preprocessor_{name}") for name in METRICS}


async def _totals(settings: KafkaSettings) -> dict[str, int]:
    stage = ledger.add_up(await ledger.read(settings)).get("preprocessor", ledger.StageTotals())
    assert stage.adds_up
    return {"in": stage.rows_in, "out": stage.rows_out, "rejected": stage.rows_rejected, "messages": stage.messages}


MARKS = 4  # the stars that say that all is processed, once more after the cases
NAMES = [case.name for case in cases()]


@pytest.mark.parametrize("name", NAMES)
def test_bad_rows_are_refused_once_with_a_reason_and_good_ones_pass(outcome: Outcome, name: str) -> None:
    case = outcome.cases[name]
    letters = outcome.letters.get(case.at, [])
    refused = [(row.row, row.code) for letter in letters for row in letter.rejected]
    assert sorted(refused) == sorted(case.refused.items())
    assert all(row.detail for letter in letters for row in letter.rejected)
    passed = outcome.encoded.get(case.at, [])
    assert len(passed) == len(set(passed)) == case.passed
    assert not set(passed) & case.refused.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_letter_holds_the_original_bytes_and_place(outcome: Outcome, name: str) -> None:
    case = outcome.cases[name]
    letters = outcome.letters.get(case.at, [])
    assert len(letters) == (len(case.refused) + 9_999) // 10_000
    for letter in letters:
        value = base64.b64decode(letter.value_base64)
        if letter.value_packing == "zlib":
            value = zlib.decompress(value)
        assert value == ((case.value or b"") if letter.part == 0 else b"")
        assert letter.topic == topics.RAW
        assert letter.origin == f"{topics.RAW}-{case.at[0]}-{case.at[1]}"
        assert letter.rows_total == len(case.refused) + case.passed
        assert letter.service == "preprocessor"
        assert (letter.key is None) == (case.key is None)
        assert letter.headers.keys() == {name for name, _ in case.headers}


def test_neighbours_pass_and_have_no_letter(outcome: Outcome) -> None:
    for place in outcome.neighbours:
        assert outcome.encoded[place] == [0]
        assert place not in outcome.letters


def test_the_ledger_adds_up_to_what_was_sent(outcome: Outcome) -> None:
    passed = sum(case.passed for case in outcome.cases.values()) + len(outcome.neighbours) + MARKS
    refused = sum(len(case.refused) for case in outcome.cases.values())
    assert outcome.totals == {
        "in": passed + refused,
        "out": passed,
        "rejected": refused,
        "messages": len(outcome.cases) + len(outcome.neighbours) + MARKS,
    }


def test_metrics_say_the_same_and_the_service_is_well(outcome: Outcome) -> None:
    wrong = sum(list(case.refused.values()).count("wrong_type") for case in outcome.cases.values())
    assert list(outcome.metrics.values()) == [outcome.totals["in"], outcome.totals["out"], 2, wrong]
    assert outcome.service.metric("astroscale_preprocessor_ledger_mismatch_rows") == 0
    outcome.service.wait_ready()
    assert '"stopped"' not in outcome.service.log()
