"""Flags: bits of what is missing or out of the training range, and their names."""

import math

import numpy as np
import pytest
from astroscale_shared.stars.columns import INPUTS
from astroscale_shared.stars.flags import EXTRAPOLATED, NAMES, flags_of, names_of
from astroscale_shared.stars.redshift import SPEED_OF_LIGHT_KMS, redshift

from tests.support.stars import one


def names(**changed: float) -> list[str]:
    return names_of(int(flags_of(one(**changed))[0]))


def test_a_whole_star_in_range_has_no_names() -> None:
    assert names() == []
    assert names(pmra=1.0, pmdec=1.0) == []


def test_bits_are_in_the_order_of_the_inputs() -> None:
    assert NAMES[:9] == tuple(f"missing_{column.name}" for column in INPUTS)
    assert NAMES[9:18] == tuple(f"out_of_range_{column.name}" for column in INPUTS)
    assert NAMES[18:] == ("extrapolated",)
    assert names_of(int(EXTRAPOLATED)) == ["extrapolated"]
    for bit, column in enumerate(INPUTS[2:], start=2):
        flags = int(flags_of(one(**({"pmra": 1.0, "pmdec": 1.0} | {column.name: math.nan})))[0])
        assert flags == 1 << bit


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"fe_h": math.nan}, ["missing_fe_h"]),
        ({"teff": 12_000.0}, ["out_of_range_teff"]),
        ({"teff": 3_500.0}, []),
        ({"teff": 3_499.9}, ["out_of_range_teff"]),
        ({"parallax": -0.1, "snr": math.nan}, ["missing_snr", "out_of_range_parallax"]),
        ({"pmra": 2_000.0}, ["out_of_range_pmra"]),
    ],
)
def test_names_say_what_is_missing_or_out_of_range(changed: dict[str, float], wanted: list[str]) -> None:
    assert names(**changed) == wanted


def test_redshift_is_v_over_c() -> None:
    assert redshift(np.array([299.792458]))[0] == pytest.approx(1e-3, rel=1e-15)
    assert SPEED_OF_LIGHT_KMS == 299_792.458
