"""JSON on the raw topic: whatever anyone writes is read, or refused row by row with a reason."""

import json
import math
from typing import Any

import numpy as np
import orjson
import pytest
from astroscale_shared.messaging import codec, raw
from astroscale_shared.messaging.contracts import CONTENT_TYPE, CSV_LINE, JSON, RejectedRow
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.observations import validate
from hypothesis import given
from hypothesis import strategies as st

from tests.support.stars import SUN_LIKE


def reasons(value: bytes) -> list[tuple[int, str, str | None]]:
    return [(row.row, row.code, row.field) for row in raw.parse(value, {}).refused]


def reasons_or_code(value: bytes) -> list[str] | str:
    try:
        return [row.code for row in raw.parse(value, {}).refused]
    except AstroScaleError as error:
        return error.code


def refused_whole(value: bytes | None, headers: dict[str, str] | None = None) -> str:
    with pytest.raises(AstroScaleError) as error:
        raw.parse(value, headers or {})
    assert raw.count_rows(value, headers or {}) == 1
    return error.value.code


def test_an_object_an_array_and_lines_are_the_same_stars() -> None:
    star = orjson.dumps(SUN_LIKE)
    for value, rows in ((star, 1), (b"[%b,%b]" % (star, star), 2), (b"%b\n%b\n" % (star, star), 2)):
        for headers in ({}, {CONTENT_TYPE: JSON}, {CONTENT_TYPE: "Application/JSON; charset=utf-8"}):
            found = raw.parse(value, headers)
            assert len(found.stars) == raw.count_rows(value, headers) == rows
            assert found.refused == []
            assert found.unknown_fields == 0
            for name, wanted in SUN_LIKE.items():
                assert found.stars.numeric[name].tolist() == [wanted] * rows


def test_missing_and_null_are_missing() -> None:
    stars = raw.parse(b'{"ra":1,"dec":2,"teff":null}', {}).stars
    assert math.isnan(stars.numeric["teff"][0])
    assert math.isnan(stars.numeric["logg"][0])
    assert stars.source_id.tolist() == [None]


@pytest.mark.parametrize(
    ("cell", "code", "shown"),
    [
        (b"NaN", "not_finite", "NaN"),
        (b"Infinity", "not_finite", "Infinity"),
        (b"-Infinity", "not_finite", "-Infinity"),
        (b'"5800"', "wrong_type", "'5800'"),
        (b"true", "wrong_type", "True"),
        (b"[1]", "wrong_type", "an array"),
        (b'{"value":1}', "wrong_type", "an object"),
        (b"[NaN]", "wrong_type", "an array"),
        (b"1" + b"0" * 400, "not_finite", "a number beyond 1e308"),
    ],
)
def test_a_bad_cell_refuses_its_row_and_no_other(cell: bytes, code: str, shown: str) -> None:
    value = b'[{"ra":1,"dec":2},{"ra":1,"dec":2,"teff":' + cell + b'},{"ra":3,"dec":4}]'
    found = raw.parse(value, {})
    (row,) = found.refused
    assert (row.row, row.code, row.field, row.value) == (1, code, "teff", shown)
    assert "(0, 200000] K" in row.detail
    assert found.stars.numeric["ra"].tolist() == [1, 1, 3]


def test_a_number_beyond_any_float_is_infinite_and_fails_validation() -> None:
    found = raw.parse(b'[{"ra":1e400,"dec":2},{"ra":1,"dec":2}]', {})
    good, rejections = validate(found.stars)
    assert good.tolist() == [False, True]
    assert rejections[0].code == "not_finite"


def test_whole_numbers_beyond_64_bits_are_floats() -> None:
    assert raw.parse(b'{"ra":36893488147419103232,"dec":2}', {}).stars.numeric["ra"][0] == 2.0**65


def test_of_a_key_that_is_there_twice_the_last_counts() -> None:
    assert raw.parse(b'{"ra":1,"ra":3,"dec":2}', {}).stars.numeric["ra"].tolist() == [3]


def test_unknown_fields_are_ignored_and_counted() -> None:
    found = raw.parse(b'[{"ra":1,"dec":2,"mag":5,"note":"x"},{"ra":1,"dec":2,"mag":{}}]', {})
    assert found.unknown_fields == 3
    assert found.refused == []


def test_source_id_may_be_a_whole_number_and_text_any_unicode() -> None:
    value = '{"ra":1,"dec":2,"source_id":4657193606465368704,"survey":"Čerenkov 星"}'.encode()
    stars = raw.parse(value, {}).stars
    assert stars.source_id.tolist() == ["4657193606465368704"]
    assert stars.survey.tolist() == ["Čerenkov 星"]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (b"1.5", "wrong_type"),
        (b"true", "wrong_type"),
        (b"NaN", "wrong_type"),
        (b"[]", "wrong_type"),
        (b'"' + b"x" * 129 + b'"', "too_long"),
        (b'"\\ud800"', "not_utf8"),
        (b'"' + b"\\udfff" * 200 + b'"', "not_utf8"),
    ],
)
def test_a_bad_text_refuses_its_row_and_no_other(cell: bytes, code: str) -> None:
    value = b'[{"ra":1,"dec":2},{"ra":1,"dec":2,"survey":' + cell + b"}]"
    found = raw.parse(value, {})
    assert [(row.row, row.code, row.field) for row in found.refused] == [(1, code, "survey")]
    # What is kept, of the stars and of the reasons, can be written.
    codec.raw_batch(found.stars)
    assert [row.model_dump_json() for row in found.refused]


def test_a_row_is_refused_once_for_its_first_fault() -> None:
    assert reasons(b'{"ra":"x","dec":true,"survey":1.5}') == [(0, "wrong_type", "ra")]


@pytest.mark.parametrize("item", [b"1", b"null", b'"x"', b"[1,2]", b"NaN", b"true"])
def test_what_is_no_object_is_a_refused_row(item: bytes) -> None:
    assert reasons(b'[{"ra":1,"dec":2},' + item + b"]") == [(1, "not_an_object", None)]


def test_an_empty_array_is_no_row() -> None:
    assert len(raw.parse(b"[]", {}).stars) == raw.count_rows(b"[]", {}) == 0


def test_an_empty_object_is_a_row_without_a_position() -> None:
    good, rejections = validate(raw.parse(b"{}", {}).stars)
    assert not good.any()
    assert rejections[0].code == "missing_required"


@pytest.mark.parametrize("value", [None, b""])
def test_an_empty_message_is_refused(value: bytes | None) -> None:
    assert refused_whole(value) == "empty_message"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"  \n ", "bad_json"),
        (b"{", "bad_json"),
        (b'{"ra":1,"dec":2', "bad_json"),
        (b"ra,dec\n1,2\n", "bad_json"),
        (b"\xff\xfe\x00", "not_utf8"),
        (b'{"ra":NaN,"survey":"\xff"}', "not_utf8"),
        (b'{"ra":1' + b"0" * 5_000 + b',"dec":2}', "bad_json"),
    ],
)
def test_what_is_no_json_is_refused_whole(value: bytes, code: str) -> None:
    assert refused_whole(value) == code


def test_a_broken_line_among_lines_is_refused_alone() -> None:
    value = b'{"ra":1,"dec":2}\n{"ra":3,\n\n{"ra":5,"dec":NaN}\n{"survey":"\xff"}\n7\n{"ra":9,"dec":2}'
    assert reasons(value) == [
        (1, "bad_json", None),
        (2, "not_finite", "dec"),
        (3, "not_utf8", None),
        (4, "not_an_object", None),
    ]
    assert raw.count_rows(value, {}) == 6
    assert raw.parse(value, {}).stars.numeric["ra"][[0, 5]].tolist() == [1, 9]


def test_a_tables_broken_line_is_one_row_whatever_it_looks_like() -> None:
    for line in (b"1,2", b"42", b"[1,2]"):
        assert refused_whole(line, {CONTENT_TYPE: CSV_LINE}) == "broken_line"


@pytest.mark.parametrize("depth", [900, 1_010, 1_023, 1_024, 5_000, 100_000])
@pytest.mark.parametrize("core", [b"", b"NaN"])
def test_deep_nesting_is_refused_and_nothing_worse(depth: int, core: bytes) -> None:
    deep = b"[" * depth + core + b"]" * depth
    for value in (deep, b'{"ra":' + deep + b',"dec":1}', b'{"survey":' + deep + b"}"):
        assert reasons_or_code(value) in ("bad_json", ["not_an_object"], ["wrong_type"])


def test_too_many_rows_are_refused_whole() -> None:
    assert refused_whole(b"[" + b"{}," * codec.MAX_ROWS + b"{}]") == "too_many_rows"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
stars = st.dictionaries(st.sampled_from([*SUN_LIKE, "source_id", "survey", "other"]), json_values, max_size=6)


@given(st.lists(stars | json_values, max_size=6))
def test_any_json_adds_up(rows: list[Any]) -> None:
    value = json.dumps(rows).encode()  # writes NaN and Infinity as many do
    found = raw.parse(value, {})
    assert len(found.stars) == len(rows) == raw.count_rows(value, {})
    refused = [row.row for row in found.refused]
    assert refused == sorted(set(refused))
    good, rejections = validate(found.stars)
    good[refused] = False
    kept = found.stars.take(good)
    codec.raw_batch(kept)
    assert len(kept) + len(set(refused) | {r.row for r in rejections}) == len(rows)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(value: bytes) -> None:
    try:
        found = raw.parse(value, {})
    except AstroScaleError:
        return
    assert len(found.stars) == raw.count_rows(value, {})


def test_rows_that_pass_are_bit_for_bit_what_was_written() -> None:
    rng = np.random.default_rng(5)
    values = rng.uniform(0, 360, 1_000)
    value = orjson.dumps([{"ra": v, "dec": 0} for v in values.tolist()])
    assert raw.parse(value, {}).stars.numeric["ra"].tobytes() == values.tobytes()


def assert_singles_are_each_parsed(values: list[bytes]) -> None:
    joined, taken = raw.singles(values)
    assert taken == sorted(set(taken))
    unknown = 0
    refused: list[RejectedRow] = []
    for k, i in enumerate(taken):
        each = raw.parse(values[i], {})
        assert len(each.stars) == 1
        for name, column in each.stars.numeric.items():
            assert column.tobytes() == joined.stars.numeric[name][k : k + 1].tobytes(), name
        assert each.stars.source_id[0] == joined.stars.source_id[k]
        assert each.stars.survey[0] == joined.stars.survey[k]
        unknown += each.unknown_fields
        refused += [row.model_copy(update={"row": k}) for row in each.refused]
    assert joined.refused == refused
    assert joined.unknown_fields == unknown
    assert len(joined.stars) == len(taken)


@given(st.lists(stars.map(json.dumps).map(str.encode) | json_values.map(json.dumps).map(str.encode), max_size=8))
def test_many_single_stars_are_read_as_each_alone(values: list[bytes]) -> None:
    assert_singles_are_each_parsed(values)


@given(st.lists(st.sampled_from([b'{"ra":1,', b'"dec":2}', b'{"ra":1,"dec":2}', b"[", b"]", b"{}", b"", b"x"])))
def test_pieces_of_messages_never_become_a_star_together(values: list[bytes]) -> None:
    assert_singles_are_each_parsed(values)
    assert raw.singles(values)[1] == [i for i, value in enumerate(values) if value in (b'{"ra":1,"dec":2}', b"{}")]


def test_every_plain_single_star_is_read_in_one_go() -> None:
    values = [orjson.dumps(SUN_LIKE | {"source_id": str(i), "mag": 1}) for i in range(50)]
    values[7] = b'{"ra":1,"dec":NaN}'  # left to parse, which reads what is no strict JSON
    joined, taken = raw.singles(values)
    assert taken == [i for i in range(50) if i != 7]
    assert joined.stars.source_id.tolist() == [str(i) for i in taken]
    assert joined.unknown_fields == 49
