"""Arrow on the raw topic: types that mean numbers and texts are read, all else is refused before it can do harm."""

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astroscale_shared.messaging import arrow_sizes, codec, raw
from astroscale_shared.messaging.contracts import ARROW, CONTENT_TYPE, RAW_SCHEMA
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.observations import validate

from tests.support.fuzz_arrow import compressed
from tests.support.stars import random_stars

HEADERS = {CONTENT_TYPE: ARROW}


def message(**columns: Any) -> bytes:
    return codec.to_bytes(pa.RecordBatch.from_pydict({"ra": [1.0, 2.0], "dec": [3.0, 4.0]} | columns))


def refused_whole(value: bytes) -> str:
    with pytest.raises(AstroScaleError) as error:
        raw.parse(value, HEADERS)
    assert raw.count_rows(value, HEADERS) == 1
    return error.value.code


def test_what_we_write_we_read() -> None:
    stars = random_stars(100)
    found = raw.parse(codec.to_bytes(codec.raw_batch(stars)), {CONTENT_TYPE: f"{ARROW}; version=1"})
    assert found.refused == []
    for name, values in stars.numeric.items():
        assert found.stars.numeric[name].tobytes() == values.tobytes(), name
    assert found.stars.source_id.tolist() == stars.source_id.tolist()


@pytest.mark.parametrize(
    "kind", ["int8", "int16", "int32", "int64", "uint8", "uint64", "float16", "float32", "float64"]
)
def test_any_whole_number_or_float_is_a_number(kind: str) -> None:
    column = np.array([1, 2]).astype(kind)
    found = raw.parse(message(snr=pa.array(column)), HEADERS)
    assert found.stars.numeric["snr"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("value", [2**60 + 1, -(2**63), 2**64 - 1])
def test_whole_numbers_beyond_a_floats_precision_are_rounded_and_judged(value: int) -> None:
    kind = pa.uint64() if value > 2**63 else pa.int64()
    found = raw.parse(message(snr=pa.array([value, None], type=kind)), HEADERS)
    good, (rejection,) = validate(found.stars)
    assert good.tolist() == [False, True]
    assert (rejection.row, rejection.code, rejection.field) == (0, "out_of_range", "snr")


def test_nulls_and_columns_of_nulls_are_missing() -> None:
    found = raw.parse(message(teff=pa.array([None, 5_000]), logg=pa.nulls(2), source_id=pa.nulls(2)), HEADERS)
    assert np.isnan(found.stars.numeric["teff"]).tolist() == [True, False]
    assert np.isnan(found.stars.numeric["logg"]).all()
    assert found.stars.source_id.tolist() == [None, None]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["a", None]),
        pa.array(["a", None], type=pa.large_string()),
        pa.array(["a", None]).dictionary_encode(),
        pa.array(["a", None], type=pa.large_string()).dictionary_encode(),
    ],
    ids=lambda c: str(c.type),
)
def test_texts_may_be_written_in_several_ways(column: pa.Array) -> None:
    assert raw.parse(message(survey=column), HEADERS).stars.survey.tolist() == ["a", None]


def test_source_id_may_be_whole_numbers() -> None:
    ids = pa.array([4657193606465368704, 1])
    for column in (ids, ids.dictionary_encode()):
        assert raw.parse(message(source_id=column), HEADERS).stars.source_id.tolist() == ["4657193606465368704", "1"]


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"teff": ["5800", "x"]}, "wrong_type"),
        ({"teff": [True, False]}, "wrong_type"),
        ({"teff": pa.array([1.0, 2.0]).dictionary_encode()}, "wrong_type"),
        ({"teff": [[1.0], [2.0]]}, "wrong_type"),
        ({"survey": [b"a", b"b"]}, "wrong_type"),
        ({"survey": pa.array([b"a", b"b"]).dictionary_encode()}, "wrong_type"),
        ({"survey": [1.5, 2.5]}, "wrong_type"),
        ({"survey": pa.array(["a", "b"], type=pa.string_view())}, "wrong_type"),
    ],
)
def test_a_column_of_another_type_refuses_the_message(columns: dict[str, Any], code: str) -> None:
    assert refused_whole(message(**columns)) == code


def test_a_column_that_is_there_twice_refuses_the_message() -> None:
    one = pa.array([1.0])
    twice = pa.RecordBatch.from_arrays([one, one, one], names=["ra", "ra", "dec"])
    assert refused_whole(codec.to_bytes(twice)) == "duplicate_column"
    unknown = pa.RecordBatch.from_arrays([one, one, one, one], names=["ra", "dec", "x", "x"])
    assert raw.parse(codec.to_bytes(unknown), HEADERS).unknown_fields == 2


def test_without_a_position_each_row_is_refused() -> None:
    value = codec.to_bytes(pa.RecordBatch.from_pydict({"dec": [1.0, 2.0]}))
    good, rejections = validate(raw.parse(value, HEADERS).stars)
    assert not good.any()
    assert [r.code for r in rejections] == ["missing_required"] * 2
    assert raw.count_rows(value, HEADERS) == 2


def test_a_long_text_refuses_its_row() -> None:
    for column in (pa.array(["x" * 200, "b"]), pa.array(["x" * 200, "b"]).dictionary_encode()):
        found = raw.parse(message(survey=column), HEADERS)
        assert [(row.row, row.code, row.field) for row in found.refused] == [(0, "too_long", "survey")]


def test_streams_of_no_and_of_many_batches() -> None:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, RAW_SCHEMA):
        pass
    assert len(raw.parse(sink.getvalue().to_pybytes(), HEADERS).stars) == 0
    batch = codec.raw_batch(random_stars(3))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, RAW_SCHEMA) as writer:
        for _ in range(4):
            writer.write_batch(batch)
    value = sink.getvalue().to_pybytes()
    assert len(raw.parse(value, HEADERS).stars) == raw.count_rows(value, HEADERS) == 12


def test_json_under_arrows_name_and_arrow_without_it_are_refused() -> None:
    assert refused_whole(b'{"ra":1,"dec":2}') == "bad_arrow"
    with pytest.raises(AstroScaleError) as error:
        raw.parse(message(), {})
    assert error.value.code in ("bad_json", "not_utf8")


@pytest.mark.parametrize("kind", ["lz4", "zstd"])
def test_a_stream_says_its_size_before_it_unfolds(kind: str) -> None:
    batch = codec.raw_batch(random_stars(500, missing=0.0))
    plain, packed = codec.to_bytes(batch), compressed(batch, kind)
    assert arrow_sizes.declared(plain).rows == arrow_sizes.declared(packed).rows == 500
    # Uncompressed buffers are padded; compressed ones declare their exact size.
    assert arrow_sizes.declared(packed).decoded_bytes == pytest.approx(batch.nbytes, rel=0.05)
    assert arrow_sizes.declared(plain).decoded_bytes == pytest.approx(batch.nbytes, rel=0.05)


def test_a_message_that_unfolds_without_end_is_refused_before_it_does() -> None:
    wide = pa.RecordBatch.from_pydict(
        {name: np.zeros(900_000) for name in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"}
    )
    bomb = compressed(wide, "zstd")
    assert len(bomb) < 200_000
    del wide
    before = pa.total_allocated_bytes()
    assert refused_whole(bomb) == "too_large"
    assert pa.total_allocated_bytes() - before < 10_000_000


def test_more_rows_than_allowed_are_refused() -> None:
    assert refused_whole(codec.to_bytes(pa.RecordBatch.from_pydict({"ra": np.zeros(1_000_001)}))) == "too_many_rows"


def test_a_dictionary_may_not_unfold_without_end() -> None:
    bomb = pa.DictionaryArray.from_arrays(np.zeros(900_000, dtype=np.int8), pa.array(["x" * 3_000]))
    batch = pa.RecordBatch.from_arrays([pa.array(np.zeros(900_000)), bomb], names=["ra", "survey"])
    assert refused_whole(codec.to_bytes(batch)) == "too_large"


def test_no_damage_to_a_message_does_more_than_refuse_it() -> None:
    """Every truncation and 3,200 mutations, in a process of their own: an offset that is trusted kills a process."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.support.fuzz_arrow", "3200"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2_000:]
    found = json.loads(done.stdout)
    assert sum(count for code, count in found.items() if not code.startswith("truncated_")) == 3_200
    assert found["bad_arrow"] > 1_000
    assert found["read"] > 300
    # Without its last eight bytes, the mark of the end, a stream is whole; with fewer it never is.
    assert found["truncated_read"] <= 8
