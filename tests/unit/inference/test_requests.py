"""Requests to answers: each by one model, a wrong one fails alone."""

import time

import orjson
import pyarrow as pa
import pytest
from astroscale_inference.domain.model import load
from astroscale_inference.requests import Answer, AnswerRequests
from astroscale_shared.messaging import codec, headers
from astroscale_shared.messaging.contracts import REPLY_SCHEMA
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.observations import Observations

from tests.support.graphs import card, graph
from tests.support.stars import Record, one, random_stars

MODEL = load(graph(bias=30.0), card(), name="default", version="a" * 12, sha256="0" * 64)
RETRYABLE = AstroScaleError("no_model", "no model yet", retryable=True)


def ask(stars: Observations | bytes, correlation: str = "c1", **changed: str | int) -> Record:
    value = stars if isinstance(stars, bytes) else codec.to_bytes(codec.raw_batch(stars))
    named = {"correlation_id": correlation, "reply_partition": 5, "kind": "predict"} | changed
    return Record(value, headers.write(**named))


def answers(*records: Record, max_rows: int = 100) -> list[Answer]:
    return AnswerRequests(lambda: MODEL, slot="default", max_rows=max_rows, reply_partitions=16)(list(records))


def rows(answer: Answer) -> pa.RecordBatch:
    assert answer.ok, answer.value
    return codec.from_trusted(answer.value)


def code(answer: Answer) -> str:
    assert not answer.ok
    body = orjson.loads(answer.value)
    assert body["code"] == answer.code
    assert body["message"]
    return answer.code


def test_requests_of_one_poll_each_get_their_own_rows() -> None:
    sizes = [1, 3, 7]
    found = answers(*(ask(random_stars(n, seed=n), f"c{n}") for n in sizes))
    assert [answer.correlation for answer in found] == ["c1", "c3", "c7"]
    assert [answer.partition for answer in found] == [5, 5, 5]
    for answer, size in zip(found, sizes, strict=True):
        batch = rows(answer)
        assert (batch.num_rows, answer.rows) == (size, size)
        assert batch.schema.equals(REPLY_SCHEMA, check_metadata=True)
        assert set(batch.column("model_version").to_pylist()) == {"a" * 12}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (b"", "empty_message"),
        (b"garbage", "bad_arrow"),
        (codec.to_bytes(codec.raw_batch(one(dec=91.0))), "out_of_range"),
        (codec.to_bytes(codec.raw_batch(one(teff=-1.0))), "out_of_range"),
        (codec.to_bytes(codec.raw_batch(random_stars(101))), "wrong_rows"),
        (codec.to_bytes(codec.raw_batch(random_stars(3)).slice(0, 0)), "wrong_rows"),
        (codec.to_bytes(pa.RecordBatch.from_pydict({"ra": ["x"], "dec": [1.0]})), "wrong_type"),
        (codec.to_bytes(pa.RecordBatch.from_pydict({"ra": [1.0], "dec": [1.0], "snr": [2**60]})), "out_of_range"),
    ],
)
def test_a_wrong_request_fails_alone(value: bytes, wanted: str) -> None:
    found = {answer.correlation: answer for answer in answers(ask(one(), "a"), ask(value, "b"), ask(one(), "c"))}
    assert code(found["b"]) == wanted
    assert rows(found["a"]).num_rows == rows(found["c"]).num_rows == 1


def test_a_request_without_an_address_or_out_of_time_has_no_reply() -> None:
    late = int(time.time() * 1000) - 1
    found = answers(
        ask(one(), ""), ask(one(), reply_partition=16), ask(one(), reply_partition="x"), ask(one(), deadline_ms=late)
    )
    assert [(answer.partition, answer.code) for answer in found] == [(-1, "no_address")] * 3 + [(-1, "expired")]
    assert rows(answers(ask(one(), deadline_ms=late + 60_000))[0]).num_rows == 1


def test_the_model_describes_itself() -> None:
    (answer,) = answers(ask(b"", kind="model"))
    assert answer.ok
    said = orjson.loads(answer.value)
    assert (said["name"], said["version"], said["slot"], said["encoding_version"]) == (
        "default",
        "a" * 12,
        "default",
        1,
    )
    assert said["card"]["model_type"] == "test"


def test_an_unknown_kind_is_said() -> None:
    assert code(answers(ask(b"", kind="delete"))[0]) == "unknown_kind"


def test_without_a_model_each_request_is_told_to_come_again() -> None:
    def none() -> None:
        raise RETRYABLE

    found = AnswerRequests(none, slot="default", max_rows=10, reply_partitions=16)([ask(one(), "a"), ask(one(), "b")])  # pyright: ignore[reportArgumentType]
    assert [code(answer) for answer in found] == ["no_model", "no_model"]
    assert orjson.loads(found[0].value)["retryable"] is True


def test_the_model_is_asked_for_once_a_poll_so_that_no_reply_mixes_two() -> None:
    asked: list[int] = []

    def current() -> object:
        asked.append(1)
        return MODEL

    AnswerRequests(current, slot="default", max_rows=10, reply_partitions=16)([ask(one()) for _ in range(20)])  # pyright: ignore[reportArgumentType]
    assert len(asked) == 1
