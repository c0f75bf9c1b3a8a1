"""Encoded batches to predictions: every row is predicted or refused, once, by one model."""

import base64

import numpy as np
import pyarrow as pa
import pytest
from astroscale_inference.domain.model import Model, load
from astroscale_inference.handlers import MAX_BATCH_ROWS, Score
from astroscale_inference.metrics import InferenceMetrics
from astroscale_preprocessor.handlers import Encode
from astroscale_preprocessor.metrics import PreprocessorMetrics
from astroscale_shared.messaging import codec, ledger, provenance, topics
from astroscale_shared.messaging.contracts import ARROW, ENCODED_SCHEMA, PREDICTION_SCHEMA, DeadLetter, LedgerTotals
from astroscale_shared.messaging.outcome import Outcome
from astroscale_shared.messaging.provenance import Provenance
from astroscale_shared.messaging.topics import MAX_MESSAGE_BYTES
from astroscale_shared.stars.encoding import ENCODING_VERSION

from tests.support.graphs import card, graph
from tests.support.stars import Record, random_stars


def model(bias: float = 0.0) -> Model:
    return load(graph(bias=bias), card(), name="default", version="a" * 12, sha256="0" * 64)


def batch_of(rows: int) -> pa.RecordBatch:
    record = Record(codec.to_bytes(codec.raw_batch(random_stars(rows))), [("content-type", ARROW.encode())], offset=7)
    outcome = Encode(PreprocessorMetrics(), batch_size=8192)([record], "")
    return codec.from_trusted(outcome.outgoing[0].value)


def run(
    *values: bytes | None, by: Model | None = None, headers: list[tuple[str, bytes | None]] | None = None
) -> Outcome:
    records = [Record(v, headers or [], offset=i, partition=2, topic=topics.ENCODED) for i, v in enumerate(values)]
    return Score(InferenceMetrics(), lambda: by or model())(records, "")


def made(outcome: Outcome) -> list[pa.RecordBatch]:
    return [codec.from_trusted(out.value) for out in outcome.outgoing if out.topic == topics.PREDICTIONS]


def letters(outcome: Outcome) -> list[DeadLetter]:
    return [DeadLetter.model_validate_json(out.value) for out in outcome.outgoing if out.topic == topics.ENCODED_DLQ]


def kinds(outcome: Outcome) -> dict[str, LedgerTotals]:
    found = ledger.restore(outcome.state, service="inference", topic=topics.ENCODED, partition=2, offset=0)
    written = [LedgerTotals.model_validate_json(out.value) for out in outcome.outgoing if out.topic == topics.LEDGER]
    assert written == list(found.values())
    return {entry.kind: entry for entry in written}


def totals_of(outcome: Outcome) -> LedgerTotals:
    (entry,) = kinds(outcome).values()
    return entry


def test_a_prediction_keeps_the_identity_and_says_who_made_it() -> None:
    batch = batch_of(20)
    (found,) = made(run(codec.to_bytes(batch), by=model(bias=30.0)))
    assert found.schema.equals(PREDICTION_SCHEMA, check_metadata=True)
    for name in ("raw_partition", "raw_offset", "raw_row", "source_id", "ra", "dec", "rv_kms", "flags"):
        assert found.column(name).equals(batch.column(name)), name
    first = found.slice(0, 1).to_pylist()[0]
    assert (first["model_name"], first["model_version"]) == ("default", "a" * 12)
    assert first["radial_velocity_kms"] == 30.0
    assert first["predicted_z"] == pytest.approx(30.0 / 299_792.458, rel=1e-12)
    assert [first[q] for q in ("q05", "q16", "q50", "q84", "q95")] == [10.0, 20.0, 30.0, 40.0, 50.0]
    measured = np.array([value is not None for value in found.column("rv_kms").to_pylist()])
    assert found.column("tail_probability").is_valid().to_numpy(zero_copy_only=False).tolist() == measured.tolist()


def test_rows_whose_score_is_not_fit_are_refused_and_the_others_go_on() -> None:
    # The feature "ra" of one row is put where the graph overflows.
    batch = batch_of(5)
    features = codec.features(batch).copy()
    features[3, 0] = 3e38
    flat = pa.FixedSizeListArray.from_arrays(pa.array(features.reshape(-1)), type=ENCODED_SCHEMA.field("features").type)
    batch = batch.set_column(batch.schema.get_field_index("features"), ENCODED_SCHEMA.field("features"), flat)
    outcome = run(
        codec.to_bytes(batch), by=load(graph(weights=(100.0,)), card(), name="m", version="b" * 12, sha256="")
    )
    assert [row["raw_row"] for found in made(outcome) for row in found.to_pylist()] == [0, 1, 2, 4]
    (letter,) = letters(outcome)
    assert [(row.row, row.code) for row in letter.rejected] == [(3, "not_finite_prediction")]
    totals = totals_of(outcome)
    assert (totals.rows_in, totals.rows_out, totals.rows_rejected) == (5, 4, 1)


def without(batch: pa.RecordBatch, name: str) -> bytes:
    return codec.to_bytes(batch.drop_columns([name]))


def other_encoding(batch: pa.RecordBatch) -> bytes:
    return codec.to_bytes(batch.replace_schema_metadata({"encoding_version": str(ENCODING_VERSION + 1)}))


def retyped(batch: pa.RecordBatch) -> bytes:
    return codec.to_bytes(batch.set_column(0, "raw_partition", batch.column(0).cast(pa.int64())))


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "bad_arrow"),
        (b"garbage", "bad_arrow"),
        (codec.to_bytes(batch_of(3))[:-200], "bad_arrow"),
        (other_encoding(batch_of(3)), "wrong_encoding"),
        (codec.to_bytes(batch_of(3).replace_schema_metadata(None)), "wrong_encoding"),
        (without(batch_of(3), "features"), "wrong_columns"),
        (without(batch_of(3), "flags"), "wrong_columns"),
        (without(batch_of(3), "raw_row"), "wrong_columns"),
        (retyped(batch_of(3)), "wrong_columns"),
    ],
    ids=["null", "garbage", "cut", "encoding", "no encoding", "no tensor", "no flags", "no row", "wrong type"],
)
def test_a_batch_that_cannot_be_scored_is_refused_with_its_rows_and_its_neighbours_pass(
    value: bytes | None, code: str
) -> None:
    good = codec.to_bytes(batch_of(2))
    outcome = run(good, value, good, headers=[("rows", b"3")])
    assert sum(found.num_rows for found in made(outcome)) == 4
    (letter,) = letters(outcome)
    assert [row.code for row in letter.rejected] == [code] * 3
    assert (letter.partition, letter.offset) == (2, 1)
    assert base64.b64decode(letter.value_base64) == (value or b"")
    totals = totals_of(outcome)
    assert (totals.rows_in, totals.rows_out, totals.rows_rejected) == (7, 4, 3)


def copied(batch: pa.RecordBatch, of: Provenance) -> Outcome:
    return run(codec.to_bytes(batch), headers=[("rows", str(batch.num_rows).encode()), *provenance.write(of)])


def test_a_redrive_scores_the_named_rows_only() -> None:
    outcome = copied(batch_of(6), Provenance(f"{topics.ENCODED}-2-40", hop=1, rows=provenance.runs((1, 4))))
    (found,) = made(outcome)
    assert found.column("raw_row").to_pylist() == [1, 4]
    assert found.column("hop").to_pylist() == [0, 0]
    whole = made(run(codec.to_bytes(batch_of(6))))[0]
    assert found.equals(whole.take(pa.array([1, 4])))
    redriven = kinds(outcome)["redrive"]
    assert (redriven.rows_in, redriven.rows_out, redriven.rows_rejected) == (2, 2, 0)


def test_a_named_row_that_is_refused_again_keeps_its_number_and_the_first_origin() -> None:
    batch = batch_of(6)
    features = codec.features(batch).copy()
    features[4, 0] = 3e38
    flat = pa.FixedSizeListArray.from_arrays(pa.array(features.reshape(-1)), type=ENCODED_SCHEMA.field("features").type)
    batch = batch.set_column(batch.schema.get_field_index("features"), ENCODED_SCHEMA.field("features"), flat)
    origin = f"{topics.ENCODED}-2-40"
    sent = provenance.write(Provenance(origin, hop=3, rows=provenance.runs((2, 4))))
    outcome = run(
        codec.to_bytes(batch),
        by=load(graph(weights=(100.0,)), card(), name="m", version="b" * 12, sha256=""),
        headers=[*sent],
    )
    (letter,) = letters(outcome)
    assert (letter.origin, letter.hop, letter.rows_total) == (origin, 3, 6)
    assert [row.row for row in letter.rejected] == [4]
    assert made(outcome)[0].column("raw_row").to_pylist() == [2]


def test_of_a_batch_that_cannot_be_read_the_named_rows_are_refused() -> None:
    sent = provenance.write(Provenance("x-0-1", hop=1, rows=provenance.runs((0, 2))))
    outcome = run(b"garbage", headers=[("rows", b"3"), *sent])
    (letter,) = letters(outcome)
    assert [row.row for row in letter.rejected] == [0, 2]
    assert kinds(outcome)["redrive"].rows_in == 2


def test_a_replay_of_encoded_rows_names_itself_in_their_predictions() -> None:
    batch = batch_of(3)
    outcome = copied(batch, Provenance(f"{topics.ENCODED}-2-40", replay_id="other-model"))
    (found,) = made(outcome)
    assert found.schema.equals(PREDICTION_SCHEMA, check_metadata=True)
    assert found.column("replay_id").to_pylist() == ["other-model"] * 3
    assert found.column("origin").equals(batch.column("origin"))
    assert (kinds(outcome)["replay"].rows_out, kinds(outcome)["first"].rows_in) == (3, 0)


def test_a_malformed_provenance_refuses_the_batch_as_one_row() -> None:
    outcome = run(codec.to_bytes(batch_of(3)), headers=[("rows", b"3"), ("astro-rows", b"all")])
    assert [row.code for row in letters(outcome)[0].rejected] == ["bad_provenance"]
    assert (totals_of(outcome).rows_in, totals_of(outcome).rows_rejected) == (1, 1)


def test_predictions_too_large_for_the_broker_go_out_in_several() -> None:
    batch = batch_of(1000)
    for name in ("source_id", "survey", "origin"):
        texts = pa.array([f"{i:05}" * 100 for i in range(1000)])
        batch = batch.set_column(batch.schema.get_field_index(name), ENCODED_SCHEMA.field(name), texts)
    outcome = run(codec.to_bytes(batch))
    sent = [out for out in outcome.outgoing if out.topic == topics.PREDICTIONS]
    assert len(sent) > 1
    assert all(len(out.value) <= MAX_MESSAGE_BYTES for out in sent)
    assert pa.Table.from_batches(made(outcome)).column("raw_row").to_pylist() == list(range(1000))
    assert totals_of(outcome).rows_out == 1000


def test_a_hostile_count_in_a_header_is_bounded() -> None:
    outcome = run(b"garbage", headers=[("rows", b"999999999999999")])
    assert totals_of(outcome).rows_rejected == MAX_BATCH_ROWS


def test_a_batch_with_a_column_of_a_later_version_is_scored() -> None:
    batch = batch_of(3)
    assert made(run(codec.to_bytes(batch.append_column("later", pa.array([1, 2, 3])))))[0].num_rows == 3


def test_an_empty_batch_is_no_row() -> None:
    outcome = run(codec.to_bytes(batch_of(3).slice(0, 0)))
    assert totals_of(outcome).rows_in == 0
    assert letters(outcome) == []
