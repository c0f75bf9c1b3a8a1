"""What is a star, and what is named when it is none."""

import json
import math
from typing import Any

import numpy as np
import pytest
from astroscale_gateway.domain import star as module
from astroscale_gateway.domain.star import read
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import INPUTS
from astroscale_shared.stars.observations import outside
from hypothesis import given
from hypothesis import strategies as st


def refused(body: bytes) -> AstroScaleError:
    with pytest.raises(AstroScaleError) as caught:
        read(body)
    return caught.value


def test_the_values_in_the_order_of_the_inputs(star: dict[str, Any]) -> None:
    row = read(json.dumps({**star, "pmdec": 1.5, "pmra": -2}).encode())
    assert row == (200.12, -47.33, 5800, 4.3, 0, 100, 7.2, -2, 1.5)
    assert all(type(value) is float for value in row)


@pytest.mark.parametrize("name", ["teff", "logg", "fe_h", "snr", "parallax", "pmra", "pmdec"])
def test_null_is_a_missing_value(star: dict[str, Any], name: str) -> None:
    row = read(json.dumps({**star, name: None}).encode())
    assert math.isnan(row[[c.name for c in INPUTS].index(name)])


def test_proper_motions_may_be_left_out(star: dict[str, Any]) -> None:
    assert all(math.isnan(value) for value in read(json.dumps(star).encode())[7:])


BAD: list[tuple[str, str, Any]] = [
    ("ra", "360", 360),
    ("ra", "-0.1", -0.1),
    ("ra", "null", None),
    ("dec", "90.001", 90.001),
    ("dec", "null", None),
    ("teff", "0", 0),
    ("teff", "-5", -5),
    ("teff", '"5800"', "5800"),
    ("teff", "true", True),
    ("logg", "false", False),
    ("logg", "12.5", 12.5),
    ("fe_h", "NaN", "NaN"),
    ("fe_h", "Infinity", "Infinity"),
    ("fe_h", "-Infinity", "-Infinity"),
    ("snr", "1e999", "1e999"),
    ("snr", "-1", -1),
    ("snr", "1" * 400, "a number beyond 1e308"),
    ("parallax", "[1]", "an array"),
    ("parallax", "{}", "an object"),
    ("parallax", '"' + "x" * 1000 + '"', "x" * module.MAX_SHOWN),
    ("pmra", "20001", 20001),
    ("pmdec", '"\\ud800"', "?"),
]


@pytest.mark.parametrize(("name", "written", "shown"), BAD)
def test_an_offending_value_is_named_with_what_is_allowed(
    star: dict[str, Any], name: str, written: str, shown: Any
) -> None:
    text = json.dumps({**star, name: "HERE"}).replace('"HERE"', written)
    error = refused(text.encode())
    assert error.code == "invalid_star"
    [field] = error.fields
    assert (field["field"], field["value"]) == (name, shown)
    low = next(c for c in INPUTS if c.name == name).low
    assert f"{low:g}" in field["allowed"]
    assert name in field["message"]
    json.dumps(error.fields, allow_nan=False)


@pytest.mark.parametrize("name", ["ra", "dec", "teff", "logg", "fe_h", "snr", "parallax"])
def test_a_missing_key_is_named(star: dict[str, Any], name: str) -> None:
    del star[name]
    [field] = refused(json.dumps(star).encode()).fields
    assert field["field"] == name
    assert "missing" in field["message"]


@pytest.mark.parametrize("name", ["rv_kms", "Teff", "", "\ud800", "x" * 500])
def test_an_unknown_key_is_named(star: dict[str, Any], name: str) -> None:
    [field] = refused(json.dumps({**star, name: 1}).encode()).fields
    assert "no field" in field["message"]
    assert len(field["field"]) <= module.MAX_SHOWN
    json.dumps(error_text := field["message"]).encode()
    assert "teff" in error_text


def test_a_key_that_comes_twice_is_named(star: dict[str, Any]) -> None:
    [field] = refused(json.dumps(star).replace("}", ', "teff": 4000}').encode()).fields
    assert field["field"] == "teff"
    assert "more than once" in field["message"]


def test_every_offence_is_named_at_once() -> None:
    error = refused(b'{"ra": 400, "dec": null, "teff": "hot", "colour": 1}')
    assert [f["field"] for f in error.fields] == ["ra", "dec", "teff", "logg", "fe_h", "snr", "parallax", "colour"]
    assert "and 7 more" in error.message


@pytest.mark.parametrize("body", [b"", b"{", b"{'ra': 1}", b"\xff\xfe", b"[" * 100_000, b'{"ra": 1,}', b"1" * 5000])
def test_broken_json(body: bytes) -> None:
    assert refused(body).code == "bad_json"


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"star"', b"true", b"NaN"])
def test_json_that_is_no_star(body: bytes) -> None:
    assert refused(body).code == "not_an_object"


@given(st.sampled_from(INPUTS), st.floats(allow_nan=False) | st.integers(-(10**9), 10**9))
def test_the_same_verdict_as_the_stream(column: Any, value: float) -> None:
    good = {"ra": 1, "dec": 1, "teff": 1, "logg": 1, "fe_h": 1, "snr": 1, "parallax": 1}
    body = json.dumps({**good, column.name: value}).encode()
    allowed = not outside(column, np.array([value], dtype=np.float64))[0]
    if allowed:
        read(body)
    else:
        assert refused(body).fields[0]["field"] == column.name


@pytest.mark.parametrize("column", INPUTS, ids=lambda c: c.name)
def test_the_ends_of_the_ranges(star: dict[str, Any], column: Any) -> None:
    for end, is_open in ((column.low, column.low_open), (column.high, column.high_open)):
        body = json.dumps({**star, column.name: end}).encode()
        if is_open:
            assert refused(body).fields[0]["field"] == column.name
        else:
            read(body)
