"""Chunks to messages: rows always add up, right ones go as Arrow, wrong ones as their producer wrote them."""

import datetime as dt
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pytest
from astroscale_ingestor.convert import RawMessage, messages
from astroscale_ingestor.readers.base import Chunk
from astroscale_shared.messaging import raw
from astroscale_shared.messaging.contracts import ARROW, CONTENT_TYPE, CSV_LINE, JSON
from astroscale_shared.messaging.topics import MAX_MESSAGE_BYTES
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.observations import validate
from hypothesis import given
from hypothesis import strategies as st

SAME = {name: name for name in ("ra", "dec", "teff", "source_id")}


def convert(columns: dict[str, Any], broken: list[str] | None = None) -> list[RawMessage]:
    return messages(Chunk(pa.RecordBatch.from_pydict(columns), broken or []), {n: n for n in columns})


def counted(message: RawMessage) -> int:
    return raw.count_rows(message.value, {CONTENT_TYPE: message.content_type})


def passes(message: RawMessage) -> tuple[int, list[str]]:
    """How many rows the preprocessor would let pass, and why it would not the others."""
    try:
        found = raw.parse(message.value, {CONTENT_TYPE: message.content_type})
    except AstroScaleError as error:
        return 0, [error.code]
    good, rejections = validate(found.stars)
    good[[row.row for row in found.refused]] = False
    return int(good.sum()), [row.code for row in found.refused] or [r.code for r in rejections]


def test_text_that_is_a_number_goes_as_arrow() -> None:
    (message,) = convert({"ra": ["1", "2.5e1"], "dec": ["-0", None], "source_id": ["1", None]})
    assert (message.content_type, message.rows) == (ARROW, 2)
    stars = raw.parse(message.value, {CONTENT_TYPE: ARROW}).stars
    assert stars.numeric["ra"].tolist() == [1.0, 25.0]
    assert stars.source_id.tolist() == ["1", None]


def test_a_bad_cell_sends_its_row_as_it_was_written_and_leaves_the_others() -> None:
    bad, good = convert({"ra": ["1", "2", "3"], "dec": ["1", "hot", "3"], "source_id": ["a", "b", "c"]})
    assert (bad.content_type, bad.rows) == (JSON, 1)
    assert orjson.loads(bad.value) == {"ra": 2.0, "dec": "hot", "source_id": "b"}
    assert passes(bad) == (0, ["wrong_type"])
    assert passes(good) == (2, [])


def test_a_broken_line_is_a_message_that_counts_as_one_row() -> None:
    made = convert({"ra": ["1"], "dec": ["1"]}, ["1", "[1,2]", "x" * 2_000_000])
    assert [(m.content_type, m.rows, counted(m)) for m in made[1:]] == [(CSV_LINE, 1, 1)] * 3
    assert [passes(m) for m in made[1:]] == [(0, ["broken_line"])] * 3
    assert all(len(m.value) <= MAX_MESSAGE_BYTES for m in made)


@pytest.mark.parametrize("cell", ["1_000", "0x10", "1,5", "--", "12 K", "\x00", "1e", "\u0661"])
def test_text_that_only_looks_like_a_number_is_refused(cell: str) -> None:
    made = convert({"ra": ["1"], "dec": ["1"], "teff": [cell]})
    assert [passes(m) for m in made] == [(0, ["wrong_type"])]


@pytest.mark.parametrize(
    ("column", "passed", "codes"),
    [
        (pa.array([2**60 + 1], type=pa.int64()), 0, ["out_of_range"]),
        (pa.array([5_000], type=pa.int32()), 1, []),
        (pa.array([Decimal("5000.5")]), 1, []),
        (pa.array(["5000"]).dictionary_encode(), 1, []),
        (pa.array([True]), 0, ["wrong_type"]),
        (pa.array([None], type=pa.bool_()), 1, []),
        (pa.array([dt.date(2020, 1, 1)]), 0, ["wrong_type"]),
        (pa.array([dt.datetime(2020, 1, 1, tzinfo=dt.UTC)]), 0, ["wrong_type"]),
        (pa.array([[5000.0]]), 0, ["wrong_type"]),
        (pa.array([{"value": 5000.0}]), 0, ["wrong_type"]),
        (pa.array([b"hot"]), 0, ["wrong_type"]),
        (pa.array([float("inf")]), 0, ["not_finite"]),
        (pa.array([float("nan")]), 1, []),
    ],
    ids=str,
)
def test_columns_of_any_type_are_sent_and_judged(column: pa.Array, passed: int, codes: list[str]) -> None:
    made = convert({"ra": [1.0], "dec": [1.0], "teff": column})
    assert [(m.rows, counted(m)) for m in made] == [(1, 1)]
    assert passes(made[0]) == (passed, codes)


def test_an_infinite_number_beside_a_bad_cell_does_not_become_missing() -> None:
    (message,) = convert({"ra": [1.0], "dec": [1.0], "snr": [float("inf")], "teff": pa.array([2**60 + 1])})
    assert b"null" not in message.value


def test_many_rows_with_long_names_are_split_to_what_the_broker_takes() -> None:
    n = 20_000
    made = convert({"ra": ["1.0"] * n, "dec": ["1.0"] * n, "source_id": ["x" * 100] * n})
    assert len(made) > 2
    assert all(len(m.value) <= MAX_MESSAGE_BYTES for m in made)
    assert sum(m.rows for m in made) == sum(counted(m) for m in made) == n


@pytest.mark.parametrize("dec", ["1", "hot"])
def test_a_row_that_no_broker_takes_is_sent_short_and_refused(dec: str) -> None:
    made = convert({"ra": ["1", "1"], "dec": [dec, "2"], "source_id": ["x" * 3_000_000, "b"]})
    assert all(len(m.value) <= MAX_MESSAGE_BYTES for m in made)
    assert sum(m.rows for m in made) == 2
    assert sum(passes(m)[0] for m in made) == 1


cells = st.one_of(
    st.none(), st.text(max_size=8), st.floats().map(str), st.integers().map(str), st.sampled_from(["nan", "inf", "1"])
)
table = st.lists(st.tuples(cells, cells, cells, cells), max_size=12)


@given(table, st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=10), max_size=3))
def test_rows_always_add_up(rows: list[tuple[str | None, ...]], broken: list[str]) -> None:
    columns = {name: pa.array([row[i] for row in rows], type=pa.string()) for i, name in enumerate(SAME)}
    made = messages(Chunk(pa.RecordBatch.from_pydict(columns), broken), SAME)
    assert sum(m.rows for m in made) == len(rows) + len(broken)
    assert [counted(m) for m in made] == [m.rows for m in made]


def test_the_same_chunk_makes_the_same_bytes() -> None:
    columns = {"ra": ["1", "x"], "dec": ["1", "2"], "source_id": ["a", "b"]}
    assert convert(columns) == convert(columns)


def test_a_column_may_serve_two_targets_and_names_may_differ() -> None:
    chunk = Chunk(pa.RecordBatch.from_pydict({"RA": ["1"], "DE": ["2"], "T": ["5000"]}))
    (message,) = messages(chunk, {"ra": "RA", "dec": "DE", "teff": "T", "source_id": "T"})
    stars = raw.parse(message.value, {CONTENT_TYPE: ARROW}).stars
    assert (stars.numeric["dec"][0], stars.source_id[0]) == (2.0, "5000")
