"""Today's code reads yesterday's bytes, and those of a later version with a field more.

The files under golden/ are never changed; a contract that needs that is a new version on a new topic. A further file
is made by `python -m tests.support.golden`.
"""

import base64
import json

import numpy as np
import orjson
import pyarrow as pa
import pytest
from astroscale_inference.domain.model import load
from astroscale_inference.handlers import Score
from astroscale_inference.metrics import InferenceMetrics
from astroscale_inference.requests import AnswerRequests
from astroscale_ingestor.progress import Progress
from astroscale_shared.messaging import codec, deadletters, headers, ledger, raw, topics
from astroscale_shared.messaging.contracts import (
    ARROW,
    CONTENT_TYPE,
    ENCODED_SCHEMA,
    HEADER_RUN,
    PREDICTION_SCHEMA,
    REPLY_SCHEMA,
    DeadLetter,
    LedgerTotals,
)
from astroscale_shared.messaging.requests import CORRELATION, DEADLINE_MS, KIND, PREDICT, REPLY_PARTITION, STATUS
from astroscale_shared.registry import ModelAnnouncement
from astroscale_shared.stars.encoding import encode

from tests.support.golden import BAD, FOLDER, STARS, files, observations
from tests.support.graphs import card, graph
from tests.support.stars import Record

MODEL = load(graph(bias=30.0), card(), name="default", version="a" * 12, sha256="0" * 64)


def golden(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def with_extra_column(value: bytes) -> bytes:
    batch = codec.from_trusted(value)
    return codec.to_bytes(batch.append_column("later", pa.array(["x"] * batch.num_rows)))


def with_extra_field(value: bytes) -> bytes:
    return orjson.dumps({"a_later_field": {"x": 1}} | orjson.loads(value))


HEADERS: dict[str, dict[str, str]] = json.loads(golden("headers.json"))


@pytest.mark.parametrize("name", ["raw_object.json", "raw_array.json", "raw_lines.jsonl", "raw.arrow"])
@pytest.mark.parametrize("later", [False, True], ids=["as it was", "with a field more"])
def test_raw(name: str, later: bool) -> None:
    value = golden(name)
    arrow = name.endswith("arrow")
    if later:
        value = with_extra_column(value) if arrow else value.replace(b'{"', b'{"later":[1],"')
    found = raw.parse(value, {CONTENT_TYPE: ARROW, "later": "x"} if arrow else {})
    rows = 1 if name == "raw_object.json" else 3
    wanted = observations().take(np.arange(rows))
    for column, values in wanted.numeric.items():
        np.testing.assert_array_equal(found.stars.numeric[column], values)
    assert found.stars.source_id.tolist() == wanted.source_id.tolist()
    assert found.stars.survey.tolist() == wanted.survey.tolist()
    assert found.refused == []
    assert found.unknown_fields == (rows if later else 0)


def test_encoded_tensor_of_version_1_is_what_it_was() -> None:
    """The encoding belongs to the stars: another tensor under the same version would make every model wrong."""
    batch = codec.from_trusted(golden("encoded.arrow"))
    now = encode(observations())
    np.testing.assert_allclose(codec.features(batch)[:3], now.features, rtol=2e-6, atol=1e-7)
    assert batch.column("mask").to_pylist()[:3] == now.mask.tolist()
    assert batch.column("flags").to_pylist()[:3] == now.flags.tolist()


def test_encoded_columns_are_still_there() -> None:
    batch = codec.from_trusted(golden("encoded.arrow"))
    assert batch.schema.metadata == ENCODED_SCHEMA.metadata
    for field in batch.schema:
        assert ENCODED_SCHEMA.field(field.name).type == field.type
    rows = batch.to_pylist()
    assert [(r["raw_partition"], r["raw_offset"], r["raw_row"]) for r in rows] == [
        (1, 6, 0), (1, 6, 1), (1, 6, 2), (1, 7, 0), (1, 7, 1), (1, 7, 2)
    ]  # fmt: skip
    assert [r["run_id"] for r in rows] == ["0123456789abcdef"] * 3 + [None] * 3


@pytest.mark.parametrize("later", [False, True], ids=["as it was", "with a field more"])
def test_encoded_is_scored(later: bool) -> None:
    value = golden("encoded.arrow")
    record = Record(with_extra_column(value) if later else value, topic=topics.ENCODED)
    outcome = Score(InferenceMetrics(), lambda: MODEL)([record], "")
    made = codec.from_trusted(next(out.value for out in outcome.outgoing if out.topic == topics.PREDICTIONS))
    assert made.num_rows == 6


@pytest.mark.parametrize(("name", "schema"), [("prediction.arrow", PREDICTION_SCHEMA), ("reply.arrow", REPLY_SCHEMA)])
@pytest.mark.parametrize("later", [False, True], ids=["as it was", "with a field more"])
def test_predictions_and_replies(name: str, schema: pa.Schema, later: bool) -> None:
    value = golden(name)
    batch = codec.from_trusted(with_extra_column(value) if later else value)
    assert batch.schema.metadata == schema.metadata
    for field in codec.from_trusted(value).schema:
        assert schema.field(field.name).type == field.type
    first = batch.to_pylist()[0]
    assert first["radial_velocity_kms"] == 30.0
    assert first["predicted_z"] == pytest.approx(30.0 / 299_792.458)
    assert [first[q] for q in ("q05", "q16", "q50", "q84", "q95")] == [10, 20, 30, 40, 50]
    assert 0 < first["tail_probability"] < 1
    assert (first["model_name"], first["model_version"]) == ("default", "a" * 12)


@pytest.mark.parametrize("change", [bytes, with_extra_field], ids=["as it was", "with a field more"])
def test_dead_letter(change) -> None:
    letter = DeadLetter.model_validate_json(change(golden("dead_letter.json")))
    assert (letter.topic, letter.partition, letter.offset, letter.key) == (topics.RAW, 1, 7, "k")
    assert orjson.loads(base64.b64decode(letter.value_base64)) == [*STARS, BAD]
    (row,) = letter.rejected
    assert (row.row, row.code, row.field, row.value) == (3, "out_of_range", "dec", "91")
    assert "[-90, 90] deg" in row.detail
    assert letter.headers == {"x": "\\xff"}
    assert letter.origin == f"{topics.RAW}-1-7"


def test_dead_letter_of_before_packing_is_read() -> None:
    old = orjson.loads(golden("dead_letter.json"))
    del old["value_packing"]
    assert DeadLetter.model_validate(old).value_packing == "none"


@pytest.mark.parametrize("change", [bytes, with_extra_field], ids=["as it was", "with a field more"])
def test_ledger_totals(change) -> None:
    totals = LedgerTotals.model_validate_json(change(golden("ledger_totals.json")))
    assert (totals.service, totals.topic, totals.partition, totals.kind) == ("preprocessor", topics.RAW, 1, "first")
    assert (totals.rows_in, totals.rows_out, totals.rows_rejected, totals.messages) == (7, 6, 1, 2)
    assert (totals.next_offset, totals.rejected_by) == (8, {"out_of_range": 1})


@pytest.mark.parametrize("change", [bytes, with_extra_field], ids=["as it was", "with a field more"])
def test_dead_letter_of_a_redrive(change) -> None:
    letter = DeadLetter.model_validate_json(change(golden("dead_letter_redriven.json")))
    assert (letter.offset, letter.origin, letter.hop) == (8, f"{topics.RAW}-1-7", 1)
    assert (letter.part, letter.chunk, letter.chunks, letter.value_packing) == (0, 0, 1, "none")
    assert (letter.key_base64, letter.headers_base64) == (
        "aw==",
        {
            "x": "/w==",
            "astro-origin": "YXN0cm8ub2JzZXJ2YXRpb25zLnJhdy52MS0xLTc=",
            "astro-hop": "MQ==",
            "astro-rows": "Mw==",
        },
    )
    assert orjson.loads(deadletters.join([letter])) == [*STARS, BAD]


def restored(state: bytes) -> ledger.Totals:
    return ledger.restore(state.decode(), service="preprocessor", topic=topics.RAW, partition=1, offset=0)


def test_offset_metadata_of_before_kinds_is_read() -> None:
    """It was the ledger's record itself."""
    old = golden("ledger_totals.json")
    assert restored(old) == {"first": LedgerTotals.model_validate_json(old)}


@pytest.mark.parametrize("change", [bytes, with_extra_field], ids=["as it was", "with a field more"])
def test_offset_metadata(change) -> None:
    totals = restored(change(golden("offset_metadata.json")))
    assert [(t.kind, t.next_offset, t.rows_in, t.rows_out, t.rows_rejected, t.messages) for t in totals.values()] == [
        ("first", 9, 7, 6, 1, 2),
        ("redrive", 9, 1, 0, 1, 1),
    ]
    assert totals["redrive"].rejected_by == {"out_of_range": 1}


@pytest.mark.parametrize("change", [bytes, with_extra_field], ids=["as it was", "with a field more"])
def test_model_announcement(change) -> None:
    announcement = ModelAnnouncement.from_bytes(change(golden("model_announcement.json")))
    assert (announcement.slot, announcement.name, announcement.version) == ("default", "federated-a", "a" * 12)
    assert announcement.address == f"federated-a/{'a' * 12}"
    assert announcement.published_at.isoformat() == "2025-01-02T03:04:05+00:00"
    assert announcement.previous == ()


@pytest.mark.parametrize("change", [bytes, with_extra_field], ids=["as it was", "with a field more"])
def test_model_announcement_with_its_past(change) -> None:
    announcement = ModelAnnouncement.from_bytes(change(golden("model_announcement_with_past.json")))
    assert announcement.version == "a" * 12
    assert [(one.name, one.version, one.sha256) for one in announcement.previous] == [
        ("federated-a", "b" * 12, "b" * 64),
        ("default", "c" * 12, "c" * 64),
    ]


@pytest.mark.parametrize("change", [bytes, with_extra_field], ids=["as it was", "with a field more"])
def test_ingest_progress(change) -> None:
    progress = Progress.model_validate_json(change(golden("ingest_progress.json")))
    assert (progress.run_id, progress.rows, progress.chunks, progress.finished) == (
        "0123456789abcdef",
        49_152,
        8,
        False,
    )


def test_request_headers_are_answered() -> None:
    sent = headers.write(**(HEADERS["request"] | {"later": "x"}))
    (answer,) = AnswerRequests(lambda: MODEL, slot="default", max_rows=100, reply_partitions=16)(
        [Record(golden("raw.arrow"), sent)]
    )
    assert answer.ok
    assert (answer.correlation, answer.partition, answer.rows) == (HEADERS["request"][CORRELATION], 5, 3)


def test_header_names_are_those_of_the_contract() -> None:
    assert HEADERS["request"].keys() == {CORRELATION, REPLY_PARTITION, DEADLINE_MS, KIND}
    assert HEADERS["request"][KIND] == PREDICT
    assert HEADERS["reply"] == {CORRELATION: HEADERS["request"][CORRELATION], STATUS: "ok"}
    assert HEADERS["raw"] == {CONTENT_TYPE: ARROW, "rows": "3", HEADER_RUN: "0123456789abcdef"}
    assert HEADERS["encoded"] == {CONTENT_TYPE: ARROW, "rows": "6"}


def test_reply_with_an_error() -> None:
    said = orjson.loads(golden("reply_error.json"))
    assert said == {"code": "empty_message", "message": "the message has no content", "retryable": False}


@pytest.mark.parametrize("name", [name for name, _ in files()])
def test_every_message_of_today_has_its_golden_file(name: str) -> None:
    assert (FOLDER / name).is_file()


def test_json_contracts_keep_every_field_that_they_had() -> None:
    """A field may be added, none may go: whoever reads yesterday's topic or runs yesterday's code needs it."""
    for name, value in files():
        if name.endswith(".json") and not name.startswith("raw"):
            assert orjson.loads(golden(name)).keys() <= orjson.loads(value).keys(), name
