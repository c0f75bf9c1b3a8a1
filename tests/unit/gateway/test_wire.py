"""What is sent to inference is what the raw topic's contract says; the short ways give what the long ones give."""

import math

import numpy as np
import pyarrow as pa
import pytest
from astroscale_gateway.domain.answer import Scores
from astroscale_gateway.wire import ReplyReader, message_of
from astroscale_shared.messaging import codec
from astroscale_shared.messaging.contracts import QUANTILES, REPLY_SCHEMA
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import INPUTS
from astroscale_shared.stars.observations import from_columns
from hypothesis import given
from hypothesis import strategies as st

NAN = float("nan")
PLAIN = (200.12, -47.33, 5800.0, 4.3, 0.0, 100.0, 7.2, NAN, NAN)

values = st.floats(allow_nan=True, allow_infinity=False)
stars = st.tuples(*[values] * len(INPUTS))
singles = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(stars, min_size=1, max_size=3))
def test_the_same_batch_as_of_observations(rows: list[tuple[float, ...]]) -> None:
    table = np.array(rows)
    observed = from_columns({column.name: table[:, i] for i, column in enumerate(INPUTS)})
    assert codec.from_trusted(message_of(rows)).equals(codec.raw_batch(observed), check_metadata=True)


def reply(
    numbers: list[list[float]],
    flags: list[int],
    version: str = "4f2a9c81d03b",
    words: int = 1,
    tail: float | None = None,
) -> bytes:
    """A reply as inference writes it: six numbers a star."""
    n = len(flags)
    table = np.array(numbers, dtype=np.float32)
    columns = {
        "radial_velocity_kms": pa.array(table[:, 0]),
        "predicted_z": pa.array(table[:, 0].astype(np.float64)),
        **{name: pa.array(table[:, i + 1]) for i, name in enumerate(QUANTILES)},
        "tail_probability": pa.array([tail] * n, pa.float32()),
        "flags": pa.array(np.array(flags, dtype=np.uint32)),
    }
    zeros = pa.array(np.full(n, words - 1, dtype=np.int32))
    for name, word in (("model_name", "default"), ("model_version", version)):
        columns[name] = pa.DictionaryArray.from_arrays(zeros, pa.array([*["other"] * (words - 1), word]))
    return codec.to_bytes(
        pa.RecordBatch.from_arrays([columns[name] for name in REPLY_SCHEMA.names], schema=REPLY_SCHEMA)
    )


def same(one: Scores, other: Scores) -> bool:
    return (
        np.array_equal(one.radial_velocity_kms, other.radial_velocity_kms)
        and np.array_equal(one.quantiles_kms, other.quantiles_kms)
        and np.array_equal(one.flags, other.flags)
        and (one.model_name, one.model_version, one.encoding_version)
        == (other.model_name, other.model_version, other.encoding_version)
        and one.quantiles_kms.shape == other.quantiles_kms.shape
        and one.flags.dtype == other.flags.dtype
    )


@given(
    st.lists(
        st.tuples(
            st.lists(singles, min_size=6, max_size=6),
            st.integers(0, 2**18 - 1),
            st.sampled_from(["4f2a9c81d03b", "000000000000", "a-longer-version"]),
            st.integers(1, 2),
            st.sampled_from([None, 0.5]),
        ),
        min_size=2,
        max_size=6,
    )
)
def test_a_remembered_layout_reads_the_same(
    replies: list[tuple[list[float], int, str, int, float | None]],
) -> None:
    remembering = ReplyReader()
    for numbers, flags, version, words, tail in replies:
        value = reply([numbers], [flags], version, words, tail)
        read = remembering.read(value, 1)
        assert same(read, ReplyReader().read(value, 1))
        assert read.model_version == version
        assert read.radial_velocity_kms[0] == np.float32(numbers[0])
        assert read.quantiles_kms[0].tolist() == [float(np.float32(v)) for v in numbers[1:]]
        assert read.flags.tolist() == [flags]


def test_the_layout_of_a_lone_star_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = ReplyReader()
    reader.read(reply([[1, 2, 3, 4, 5, 6]], [7]), 1)

    def decode(_value: bytes) -> pa.RecordBatch:
        raise AssertionError("read the long way")

    monkeypatch.setattr(codec, "from_trusted", decode)
    assert reader.read(reply([[10, 20, 30, 40, 50, 60]], [70]), 1).quantiles_kms.tolist() == [[20, 30, 40, 50, 60]]


def test_many_stars_between_lone_ones() -> None:
    reader = ReplyReader()
    for n in (1, 3, 1, 2):
        numbers = [[float(10 * i + j) for j in range(6)] for i in range(n)]
        scores = reader.read(reply(numbers, list(range(n))), n)
        assert scores.radial_velocity_kms.tolist() == [row[0] for row in numbers]
        assert scores.flags.tolist() == list(range(n))


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("known", [False, True])
def test_a_number_that_is_none(place: int, known: bool) -> None:
    reader = ReplyReader()
    if known:
        reader.read(reply([[1, 2, 3, 4, 5, 6]], [0]), 1)
    numbers: list[float] = [1, 2, 3, 4, 5, 6]
    numbers[place] = math.nan
    with pytest.raises(AstroScaleError, match="no finite velocity"):
        reader.read(reply([numbers], [0]), 1)


def test_a_reply_for_another_number_of_stars() -> None:
    with pytest.raises(AstroScaleError, match="has 1 rows for 2 stars"):
        ReplyReader().read(reply([[1, 2, 3, 4, 5, 6]], [0]), 2)
