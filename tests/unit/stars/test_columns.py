"""Ranges: what is allowed passes, what is not is refused with its field, value and range."""

import math

import numpy as np
import pytest
from astroscale_shared.stars.columns import BY_NAME, FEATURES, INPUTS, NUMERIC, REQUIRED, Column
from astroscale_shared.stars.observations import from_columns, outside, validate
from hypothesis import given
from hypothesis import strategies as st

from tests.support.stars import SUN_LIKE, one, random_stars

RANGES = {
    "ra": (0, 360, "[0, 360) deg"),
    "dec": (-90, 90, "[-90, 90] deg"),
    "teff": (0, 200_000, "(0, 200000] K"),
    "logg": (-5, 12, "[-5, 12] dex"),
    "fe_h": (-10, 5, "[-10, 5] dex"),
    "snr": (0, 1e6, "[0, 1e+06]"),
    "parallax": (-1_000, 1_000, "[-1000, 1000] mas"),
    "pmra": (-20_000, 20_000, "[-20000, 20000] mas/yr"),
    "pmdec": (-20_000, 20_000, "[-20000, 20000] mas/yr"),
    "rv_kms": (-3_000, 3_000, "[-3000, 3000] km/s"),
}


def test_the_seven_features_and_all_inputs_are_in_the_order_that_people_type_them() -> None:
    assert [c.name for c in FEATURES] == ["ra", "dec", "teff", "logg", "fe_h", "snr", "parallax"]
    assert [c.name for c in INPUTS] == [*(c.name for c in FEATURES), "pmra", "pmdec"]
    assert {"ra", "dec"} == REQUIRED


@pytest.mark.parametrize("name", RANGES)
def test_hard_ranges_are_those_that_were_agreed(name: str) -> None:
    column = BY_NAME[name]
    assert (column.low, column.high, column.allowed) == RANGES[name]


@pytest.mark.parametrize("column", NUMERIC, ids=lambda c: c.name)
def test_the_ends_of_a_range_belong_to_it_unless_it_is_open(column: Column) -> None:
    ends = np.array([column.low, column.high])
    assert outside(column, ends).tolist() == [column.low_open, column.high_open]
    beyond = np.array([np.nextafter(column.low, -np.inf), np.nextafter(column.high, np.inf), np.inf, -np.inf])
    assert outside(column, beyond).all()


@given(value=st.floats(), column=st.sampled_from(NUMERIC))
def test_a_value_passes_exactly_when_it_is_in_its_range_or_missing(value: float, column: Column) -> None:
    good, rejections = validate(one(**{column.name: value}))
    above = value > column.low or (value == column.low and not column.low_open)
    below = value < column.high or (value == column.high and not column.high_open)
    missing = math.isnan(value) and column.name not in REQUIRED
    assert good[0] == (missing or (above and below))
    assert len(rejections) == (not good[0])


@pytest.mark.parametrize(
    ("changed", "code", "field", "value"),
    [
        ({"ra": 360.0}, "out_of_range", "ra", "360"),
        ({"ra": -1e-9}, "out_of_range", "ra", "-1.0000000000000001e-09"),
        ({"dec": 90.5}, "out_of_range", "dec", "90.5"),
        ({"teff": 0.0}, "out_of_range", "teff", "0"),
        ({"ra": math.nan}, "missing_required", "ra", "nan"),
        ({"dec": math.nan}, "missing_required", "dec", "nan"),
        ({"snr": math.inf}, "not_finite", "snr", "inf"),
        ({"dec": -math.inf}, "not_finite", "dec", "-inf"),
        ({"rv_kms": 3_000.5}, "out_of_range", "rv_kms", "3000.5"),
    ],
)
def test_a_refusal_names_field_value_and_range(changed: dict[str, float], code: str, field: str, value: str) -> None:
    _, (rejection,) = validate(one(**changed))
    assert (rejection.code, rejection.field, rejection.value) == (code, field, value)
    assert rejection.allowed == BY_NAME[field].allowed
    assert rejection.field in rejection.detail
    assert rejection.allowed in rejection.detail


def test_a_row_with_many_faults_is_refused_once_for_its_first_field() -> None:
    _, rejections = validate(one(ra=400.0, dec=100.0, teff=-1.0))
    assert [(r.row, r.field) for r in rejections] == [(0, "ra")]


def test_everything_but_position_may_be_missing() -> None:
    good, rejections = validate(one(**dict.fromkeys(SUN_LIKE.keys() - REQUIRED, math.nan)))
    assert good.all()
    assert rejections == []


def test_refusals_come_in_the_order_of_rows_and_good_rows_stay() -> None:
    stars = random_stars(50)
    stars.numeric["dec"][[40, 3]] = 91.0
    stars.numeric["ra"][7] = np.nan
    good, rejections = validate(stars)
    assert [r.row for r in rejections] == [3, 7, 40]
    assert np.flatnonzero(~good).tolist() == [3, 7, 40]
    assert len(stars.take(good)) == 47


def test_columns_of_unlike_length_are_an_error() -> None:
    with pytest.raises(ValueError, match="one length"):
        from_columns({"ra": np.zeros(2), "dec": np.zeros(3)})
    with pytest.raises(ValueError, match="one length"):
        from_columns({})


def test_columns_that_are_not_given_are_missing_everywhere() -> None:
    stars = from_columns({"ra": np.zeros(2), "dec": np.zeros(2)})
    assert len(stars) == 2
    assert np.isnan(stars.numeric["teff"]).all()
    assert stars.source_id.tolist() == [None, None]
