"""Batches survive the wire; headers are read without trust."""

import numpy as np
import pyarrow as pa
import pytest
from astroscale_shared.messaging import codec, headers
from astroscale_shared.messaging.contracts import ENCODED_SCHEMA, IDENTITY, PREDICTION_SCHEMA, REPLY_SCHEMA
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.encoding import FEATURE_NAMES
from hypothesis import given
from hypothesis import strategies as st


def tensor(rows: int) -> pa.RecordBatch:
    flat = pa.array(np.arange(rows * len(FEATURE_NAMES), dtype=np.float32))
    column = pa.FixedSizeListArray.from_arrays(flat, type=ENCODED_SCHEMA.field("features").type)
    return pa.RecordBatch.from_arrays([column], names=["features"])


def test_a_tensor_comes_back_without_a_copy() -> None:
    batch = codec.from_trusted(codec.to_bytes(tensor(10)))
    found = codec.features(batch)
    assert found.shape == (10, len(FEATURE_NAMES))
    assert found.dtype == np.float32
    assert found.base is not None
    assert found.reshape(-1).tolist() == list(range(10 * len(FEATURE_NAMES)))


def test_a_slice_of_a_tensor_is_its_rows() -> None:
    batch = tensor(10).slice(3, 4)
    for found in (codec.features(batch), codec.features(codec.from_trusted(codec.to_bytes(batch)))):
        assert found[:, 0].tolist() == [row * len(FEATURE_NAMES) for row in range(3, 7)]


@pytest.mark.parametrize("value", [b"", b"x", b"\xff" * 100, b"\0" * 64])
def test_what_is_no_batch_is_an_error_of_ours(value: bytes) -> None:
    for read in (codec.from_trusted, codec.from_untrusted):
        with pytest.raises(AstroScaleError) as error:
            read(value)
        assert error.value.code == "bad_arrow"


def test_numbers_and_texts_become_numpy_with_nulls_missing() -> None:
    assert codec.floats(pa.array([1, None, 3])).tolist()[::2] == [1.0, 3.0]
    assert np.isnan(codec.floats(pa.chunked_array([pa.array([1.5]), pa.array([None], type=pa.float64())]))[1])
    assert codec.strings(pa.array(["a", None])).tolist() == ["a", None]
    assert codec.nullable(np.array([1.0, np.nan]), pa.float32()).to_pylist() == [1.0, None]


def test_schemas_name_their_encoding_and_share_their_identity() -> None:
    for schema in (ENCODED_SCHEMA, PREDICTION_SCHEMA, REPLY_SCHEMA):
        assert schema.metadata == {b"encoding_version": b"1"}
    assert list(ENCODED_SCHEMA)[: len(IDENTITY)] == list(PREDICTION_SCHEMA)[: len(IDENTITY)] == list(IDENTITY)


def test_null_and_undecodable_headers_are_text() -> None:
    found = headers.read([("Content-Type", b"application/json"), ("empty", None), ("bytes", b"\xff\xfea")])
    assert found == {"content-type": "application/json", "empty": "", "bytes": "\\xff\\xfea"}


def test_of_a_header_that_is_there_twice_the_last_counts() -> None:
    assert headers.read([("a", b"1"), ("A", b"2")]) == {"a": "2"}


def test_headers_are_written_with_hyphens() -> None:
    assert headers.write(content_type="x", rows=3) == [("content-type", b"x"), ("rows", b"3")]


@given(st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=10)), max_size=5))
def test_any_headers_are_read_as_unicode(given_headers: list[tuple[str, bytes | None]]) -> None:
    assert all(value.encode() is not None for value in headers.read(given_headers).values())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("42", 42),
        (None, 7),
        ("", 7),
        ("-1", 7),
        ("1.5", 7),
        ("٣", 7),
        ("9" * 18, int("9" * 18)),
        ("9" * 19, 7),
    ],
)
def test_a_whole_number_or_the_default(text: str | None, number: int) -> None:
    assert headers.whole_number(text, 7) == number
