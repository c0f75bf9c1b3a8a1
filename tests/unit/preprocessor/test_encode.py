"""Raw messages of one partition to encoded batches and dead letters: every row is in one of them, once."""

import base64
import json
import random
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from astroscale_preprocessor.handlers import Encode
from astroscale_preprocessor.metrics import PreprocessorMetrics
from astroscale_shared.messaging import codec, ledger, provenance, topics
from astroscale_shared.messaging.contracts import ARROW, ENCODED_SCHEMA, DeadLetter, LedgerTotals
from astroscale_shared.messaging.outcome import Outcome
from astroscale_shared.messaging.provenance import Provenance
from astroscale_shared.messaging.topics import MAX_MESSAGE_BYTES
from astroscale_shared.stars.encoding import encode
from astroscale_shared.stars.observations import Observations
from hypothesis import given
from hypothesis import strategies as st

from tests.support.stars import SUN_LIKE, Record, one, random_stars

GOOD = orjson.dumps(SUN_LIKE)
ARROW_HEADER = [("content-type", ARROW.encode())]


def run(*records: Record, state: str = "", batch_size: int = 1024) -> Outcome:
    return Encode(PreprocessorMetrics(), batch_size=batch_size)(records, state)


def encoded(outcome: Outcome) -> list[pa.RecordBatch]:
    return [codec.from_trusted(out.value) for out in outcome.outgoing if out.topic == topics.ENCODED]


def letters(outcome: Outcome) -> list[DeadLetter]:
    return [DeadLetter.model_validate_json(out.value) for out in outcome.outgoing if out.topic == topics.RAW_DLQ]


def kinds(outcome: Outcome) -> dict[str, LedgerTotals]:
    entries = [LedgerTotals.model_validate_json(out.value) for out in outcome.outgoing if out.topic == topics.LEDGER]
    held = ledger.restore(
        outcome.state, service="preprocessor", topic=topics.RAW, partition=entries[0].partition, offset=0
    )
    assert entries == list(held.values())
    return {entry.kind: entry for entry in entries}


def totals(outcome: Outcome) -> LedgerTotals:
    (entry,) = kinds(outcome).values()
    return entry


def keys(batches: list[pa.RecordBatch]) -> list[tuple[int, int, int]]:
    columns = ("raw_partition", "raw_offset", "raw_row")
    return [tuple(row[name] for name in columns) for batch in batches for row in batch.to_pylist()]


def test_a_star_becomes_a_row_with_its_place_and_its_tensor() -> None:
    record = Record(GOOD, [("run-id", b"run-7")], offset=41, partition=3)
    outcome = run(record)
    (batch,) = encoded(outcome)
    assert batch.schema.equals(ENCODED_SCHEMA, check_metadata=True)
    (row,) = batch.to_pylist()
    assert (row["raw_partition"], row["raw_offset"], row["raw_row"], row["hop"]) == (3, 41, 0, 0)
    assert (row["run_id"], row["replay_id"], row["origin"]) == ("run-7", None, None)
    assert (row["ra"], row["dec"], row["rv_kms"]) == (SUN_LIKE["ra"], SUN_LIKE["dec"], None)
    assert codec.features(batch).tobytes() == encode(one()).features.tobytes()
    (out,) = [out for out in outcome.outgoing if out.topic == topics.ENCODED]
    assert (out.partition, out.headers) == (3, [("content-type", ARROW.encode()), ("rows", b"1")])


def test_json_and_arrow_encode_to_the_bytes_of_a_request() -> None:
    """Stream and request differ in everything but the tensor."""
    stars = random_stars(200)
    names = [name for name in stars.numeric if name != "rv_kms"]
    rows = [
        {name: None if np.isnan(value := stars.numeric[name][i]) else float(value) for name in names}
        for i in range(len(stars))
    ]
    wanted = encode(stars).features.tobytes()
    for record in (Record(orjson.dumps(rows)), Record(codec.to_bytes(codec.raw_batch(stars)), ARROW_HEADER)):
        (batch,) = encoded(run(record))
        assert codec.features(batch).tobytes() == wanted


def test_batches_hold_no_more_rows_than_set_and_keep_their_order() -> None:
    outcome = run(
        Record(codec.to_bytes(codec.raw_batch(random_stars(25))), ARROW_HEADER, offset=1),
        Record(GOOD, offset=2),
        batch_size=10,
    )
    batches = encoded(outcome)
    assert [batch.num_rows for batch in batches] == [10, 10, 6]
    assert keys(batches) == [(0, 1, row) for row in range(25)] + [(0, 2, 0)]
    assert [codec.features(batch).shape for batch in batches] == [(10, 19), (10, 19), (6, 19)]


def test_bad_rows_of_a_message_are_refused_and_its_good_ones_and_neighbours_pass() -> None:
    mixed = orjson.dumps([SUN_LIKE, SUN_LIKE | {"dec": 91}, SUN_LIKE | {"teff": "hot"}, SUN_LIKE])
    outcome = run(
        Record(GOOD, offset=10),
        Record(mixed, [("x", None)], offset=11, key=b"k"),
        Record(b"{", offset=12),
        Record(None, offset=13),
        Record(b"[]", offset=14),
        Record(GOOD, offset=15),
    )
    assert keys(encoded(outcome)) == [(0, 10, 0), (0, 11, 0), (0, 11, 3), (0, 15, 0)]
    first, second, third = letters(outcome)
    assert (first.offset, first.key, first.rows_total) == (11, "k", 4)
    assert base64.b64decode(first.value_base64) == mixed
    assert [(row.row, row.code, row.field, row.value) for row in first.rejected] == [
        (1, "out_of_range", "dec", "91"),
        (2, "wrong_type", "teff", "'hot'"),
    ]
    assert (second.offset, second.rejected[0].code) == (12, "bad_json")
    assert (third.offset, third.rejected[0].code, third.value_base64) == (13, "empty_message", "")
    found = totals(outcome)
    assert (found.rows_in, found.rows_out, found.rows_rejected) == (8, 4, 4)
    assert (found.messages, found.messages_empty, found.next_offset) == (6, 1, 16)
    assert found.rejected_by == {"wrong_type": 1, "out_of_range": 1, "bad_json": 1, "empty_message": 1}


def test_totals_go_on_from_the_state() -> None:
    first = run(Record(GOOD, offset=0), Record(b"{", offset=1))
    second = totals(run(Record(b"{", offset=2), state=first.state))
    assert (second.rows_in, second.rows_out, second.rows_rejected, second.next_offset) == (3, 1, 2, 3)
    assert second.rejected_by == {"bad_json": 2}


FOUR = orjson.dumps([SUN_LIKE, SUN_LIKE | {"dec": 91}, SUN_LIKE | {"teff": "hot"}, SUN_LIKE])
ORIGIN = "astro.observations.raw.v1-0-3"


def copied(of: Provenance, value: bytes | None = FOUR, offset: int = 8) -> Record:
    return Record(value, [("run-id", b"run-7"), *provenance.write(of)], offset=offset)


def test_a_redrive_takes_the_named_rows_under_their_own_numbers_and_says_where_they_are_from() -> None:
    outcome = run(copied(Provenance(ORIGIN, hop=2, rows=provenance.runs((1, 3)))), Record(GOOD, offset=9))
    (batch,) = encoded(outcome)
    assert keys([batch]) == [(0, 8, 3), (0, 9, 0)]
    assert [batch.column(name).to_pylist() for name in ("origin", "hop", "replay_id", "run_id")] == [
        [ORIGIN, None], [2, 0], [None, None], ["run-7", None]
    ]  # fmt: skip
    (letter,) = letters(outcome)
    assert (letter.offset, letter.origin, letter.hop, letter.rows_total) == (8, ORIGIN, 2, 4)
    assert [(row.row, row.code) for row in letter.rejected] == [(1, "out_of_range")]
    found = kinds(outcome)
    assert (found["redrive"].rows_in, found["redrive"].rows_out, found["redrive"].rows_rejected) == (2, 1, 1)
    assert (found["first"].rows_in, found["first"].rows_out, found["first"].messages) == (1, 1, 1)
    assert found["first"].next_offset == found["redrive"].next_offset == 10


def test_replayed_rows_carry_the_replays_name_and_are_counted_apart() -> None:
    outcome = run(copied(Provenance(ORIGIN, replay_id="night-7")))
    (batch,) = encoded(outcome)
    assert batch.column("replay_id").to_pylist() == ["night-7"] * 2
    assert batch.column("origin").to_pylist() == [ORIGIN] * 2
    found = kinds(outcome)
    assert (found["replay"].rows_in, found["replay"].rows_out, found["replay"].rows_rejected) == (4, 2, 2)
    assert found["first"].rows_in == 0


def test_a_malformed_provenance_refuses_the_message_as_one_row() -> None:
    outcome = run(Record(FOUR, [("astro-hop", b"often")], offset=5), Record(GOOD, offset=6))
    assert keys(encoded(outcome)) == [(0, 6, 0)]
    (letter,) = letters(outcome)
    assert [(row.row, row.code) for row in letter.rejected] == [(0, "bad_provenance")]
    assert (letter.origin, letter.hop, letter.rows_total) == ("astro.observations.raw.v1-0-5", 0, 1)
    assert (totals(outcome).rows_in, totals(outcome).rows_rejected) == (2, 1)


def test_a_redriven_message_that_is_still_unreadable_is_refused_again_as_one_row() -> None:
    outcome = run(copied(Provenance(ORIGIN, hop=1), b"{"))
    (letter,) = letters(outcome)
    assert [(row.row, row.code) for row in letter.rejected] == [(0, "bad_json")]
    assert (kinds(outcome)["redrive"].rows_in, kinds(outcome)["redrive"].rows_rejected) == (1, 1)


def test_rows_that_the_message_does_not_have_are_no_rows() -> None:
    outcome = run(copied(Provenance(ORIGIN, hop=1, rows=provenance.runs((7, 9)))))
    assert (encoded(outcome), letters(outcome)) == ([], [])
    assert (kinds(outcome)["redrive"].rows_in, kinds(outcome)["redrive"].messages_empty) == (0, 1)


def test_what_retention_took_is_in_the_totals() -> None:
    outcome = Encode(PreprocessorMetrics(), batch_size=10)([Record(GOOD, offset=50)], "", 42)
    assert totals(outcome).offsets_expired == 42


def test_texts_that_make_a_batch_too_large_for_the_broker_go_out_in_several() -> None:
    """The longest texts that are allowed, of four bytes a character, and none alike."""
    rng = random.Random(1)
    text = ["".join(chr(rng.randrange(0x10000, 0x1FFFF)) for _ in range(128)) for _ in range(2 * 1024)]
    stars = random_stars(1024)
    long = Observations(stars.numeric, np.array(text[:1024], dtype=object), np.array(text[1024:], dtype=object))
    run_id = "".join(chr(rng.randrange(0x10000, 0x1FFFF)) for _ in range(128)).encode()
    outcome = run(Record(codec.to_bytes(codec.raw_batch(long)), [*ARROW_HEADER, ("run-id", run_id)]))
    sent = [out for out in outcome.outgoing if out.topic == topics.ENCODED]
    assert len(sent) > 1
    assert all(len(out.value) <= MAX_MESSAGE_BYTES for out in sent)
    assert keys(encoded(outcome)) == [(0, 0, row) for row in range(1024)]
    assert [text for batch in encoded(outcome) for text in batch.column("source_id").to_pylist()] == text[:1024]
    assert [dict(out.headers)["rows"] for out in sent] == [str(b.num_rows).encode() for b in encoded(outcome)]
    assert totals(outcome).rows_out == 1024


def test_ten_thousand_and_one_refused_rows_make_two_letters() -> None:
    outcome = run(Record(orjson.dumps([{"ra": 400, "dec": 0}] * 10_001)))
    assert [len(letter.rejected) for letter in letters(outcome)] == [10_000, 1]
    assert totals(outcome).rows_rejected == 10_001


def test_a_hostile_run_id_is_cut() -> None:
    (batch,) = encoded(run(Record(GOOD, [("run-id", b"x" * 1_000_000)])))
    assert batch.column("run_id")[0].as_py() == "x" * 128


def test_metrics_count_after_the_commit_only() -> None:
    metrics = PreprocessorMetrics()
    outcome = Encode(metrics, batch_size=10)([Record(GOOD), Record(b"{", offset=1)], "")
    assert b"rows_encoded_total 0.0" in metrics.render()
    assert outcome.observe is not None
    outcome.observe()
    text = metrics.render()
    assert b"astroscale_preprocessor_rows_in_total 2.0" in text
    assert b"astroscale_preprocessor_rows_encoded_total 1.0" in text
    assert b'astroscale_preprocessor_rows_rejected_total{reason="bad_json"} 1.0' in text
    assert b"astroscale_preprocessor_ledger_mismatch_rows 0.0" in text


cells = st.one_of(st.floats(-500, 500), st.none(), st.just("x"), st.booleans(), st.integers(), st.floats())
rows = st.dictionaries(st.sampled_from([*SUN_LIKE, "other", "survey"]), cells, max_size=9) | cells
contents = st.one_of(st.lists(rows, max_size=8), rows)


@given(st.lists(st.one_of(contents, st.none()), min_size=1, max_size=6), st.integers(1, 5))
def test_every_row_goes_out_or_is_refused_and_none_twice(messages: list[Any], batch_size: int) -> None:
    records = [
        Record(None if content is None else _json(content), offset=offset) for offset, content in enumerate(messages)
    ]
    outcome = run(*records, batch_size=batch_size)
    made = keys(encoded(outcome))
    refused = [(0, letter.offset, row.row) for letter in letters(outcome) for row in letter.rejected]
    expected = [
        (0, offset, row)
        for offset, content in enumerate(messages)
        for row in range(len(content) if isinstance(content, list) else 1)
    ]
    assert sorted(made + refused) == expected
    found = totals(outcome)
    assert (found.rows_in, found.rows_out, found.rows_rejected) == (len(expected), len(made), len(refused))


def _json(content: Any) -> bytes:
    return json.dumps(content).encode()


@pytest.mark.parametrize("rows", [1, 100])
def test_whole_numbers_in_arrow_that_no_float_holds_do_not_end_the_service(rows: int) -> None:
    batch = pa.RecordBatch.from_pydict({"ra": [1.0] * rows, "dec": [2.0] * rows, "snr": [2**62 + 1] * rows})
    outcome = run(Record(codec.to_bytes(batch), ARROW_HEADER))
    assert totals(outcome).rejected_by == {"out_of_range": rows}


def test_single_stars_among_all_else_keep_their_order_and_their_faults() -> None:
    """Many single stars are read together; nobody can tell."""
    single = {"content-type": b"application/json"}
    values = [orjson.dumps(SUN_LIKE | {"ra": i}) for i in range(300)]
    values[3], values[50], values[51] = b'{"ra":1,"dec":NaN}', b"[" + GOOD + b"," + GOOD + b"]", b'{"ra":1,'
    values[52], values[53], values[54] = b'"dec":2}', b'{"ra":1,"dec":99}', b'{"ra":1,"dec":2,"teff":"hot"}'
    values[55] = orjson.dumps(SUN_LIKE | {"other": "x" * 2_000})
    records = [
        Record(value, [*single.items(), ("run-id", b"r%d" % (i // 100))], offset=i) for i, value in enumerate(values)
    ]
    outcome = run(*records)
    alone = [run(record) for record in records]
    assert keys(encoded(outcome)) == [key for one in alone for key in keys(encoded(one))]
    together = [row for batch in encoded(outcome) for row in batch.to_pylist()]
    assert repr(together) == repr([row for one in alone for batch in encoded(one) for row in batch.to_pylist()])
    assert letters(outcome) == [letter for one in alone for letter in letters(one)]
    assert [(letter.offset, letter.rejected[0].code) for letter in letters(outcome)] == [
        (3, "not_finite"), (51, "bad_json"), (52, "bad_json"), (53, "out_of_range"), (54, "wrong_type"),
    ]  # fmt: skip
