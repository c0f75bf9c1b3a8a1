"""The tensor: its values by hand, what a missing input makes missing, and the same bytes however rows are grouped."""

import math

import numpy as np
import pytest
from astroscale_shared.stars.columns import INPUTS
from astroscale_shared.stars.encoding import BLOCK_ROWS, ENCODING_VERSION, FEATURE_NAMES, encode
from astroscale_shared.stars.observations import from_columns
from hypothesis import given
from hypothesis import strategies as st

from tests.support.stars import one, random_stars

# Which features need which input. Position is required, so that nothing can miss it.
NEEDS = {
    "teff": {"teff"},
    "logg": {"logg"},
    "fe_h": {"fe_h"},
    "snr": {"snr"},
    "parallax": {"parallax", "log_distance", "radius", "height", "rotation", "radial", "v_l", "v_b"},
    "pmra": {"pmra", "v_l", "v_b"},
    "pmdec": {"pmdec", "v_l", "v_b"},
}


def features(**changed: float) -> dict[str, float]:
    return dict(zip(FEATURE_NAMES, encode(one(**changed)).features[0].tolist(), strict=True))


def test_version_and_names_are_fixed() -> None:
    """A change here is a new encoding, side by side with this one: see the design."""
    assert ENCODING_VERSION == 1
    assert len(FEATURE_NAMES) == 19
    assert FEATURE_NAMES[:9] == tuple(column.name for column in INPUTS)


def test_scaled_inputs_are_as_documented() -> None:
    found = features(ra=270.0, dec=45.0, teff=6000.0, logg=4.5, fe_h=0.2, snr=99.0, parallax=7.0, pmra=10.0, pmdec=-5.0)
    wanted = {
        "ra": 0.5,
        "dec": 0.5,
        "teff": 1.0,
        "logg": 1.0,
        "fe_h": 1.0,
        "snr": 0.0,
        "parallax": math.asinh(7.0) / 2,
        "pmra": math.asinh(1.0) / 2,
        "pmdec": math.asinh(-0.5) / 2,
        "log_distance": math.log10(1 / 7.0),
    }
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, rel=2e-4, abs=1e-6), name


def test_the_galactic_centre_is_ahead() -> None:
    found = features(ra=266.4051, dec=-28.936175, parallax=1.0)
    assert (found["nx"], found["ny"], found["nz"]) == pytest.approx((1.0, 0.0, 0.0), abs=1e-5)
    assert found["radius"] == pytest.approx(-1.0, abs=0.01)
    assert (found["rotation"], found["radial"]) == pytest.approx((0.0, -1.0), abs=1e-4)


@pytest.mark.parametrize(("ra", "dec", "sign"), [(192.85948, 27.12825, 1), (12.85948, -27.12825, -1)])
def test_the_galactic_poles_are_above_and_below(ra: float, dec: float, sign: int) -> None:
    found = features(ra=ra, dec=dec, parallax=1.0)
    assert found["nz"] == pytest.approx(sign, abs=1e-6)
    assert found["height"] == pytest.approx(sign + 0.0208, abs=0.01)


@pytest.mark.parametrize("dec", [90.0, -90.0])
def test_the_poles_of_the_sky_do_not_depend_on_right_ascension(dec: float) -> None:
    here, there = features(ra=0.0, dec=dec), features(ra=123.4, dec=dec)
    for name in ("nx", "ny", "nz", "radius", "height"):
        assert here[name] == pytest.approx(there[name], abs=1e-6), name
    assert all(math.isfinite(value) for value in features(ra=0, dec=dec, pmra=1, pmdec=1).values())


@pytest.mark.parametrize("name", NEEDS)
def test_a_missing_input_is_missing_in_exactly_what_needs_it(name: str) -> None:
    whole = {"pmra": 1.0, "pmdec": 2.0}
    assert not any(math.isnan(value) for value in features(**whole).values())
    found = features(**(whole | {name: math.nan}))
    assert {feature for feature, value in found.items() if math.isnan(value)} == NEEDS[name]


@given(st.sets(st.sampled_from(sorted(NEEDS))))
def test_missing_inputs_add_up(absent: set[str]) -> None:
    stars = one(**({"pmra": 1.0, "pmdec": 2.0} | dict.fromkeys(absent, math.nan)))
    encoded = encode(stars)
    nan = {name for name, value in zip(FEATURE_NAMES, encoded.features[0], strict=True) if np.isnan(value)}
    assert nan == set().union(*(NEEDS[name] for name in absent))
    assert int(encoded.mask[0]) == sum(1 << i for i, column in enumerate(INPUTS) if column.name in absent)


def test_the_tensor_is_float32_in_rows() -> None:
    encoded = encode(random_stars(7))
    assert encoded.features.shape == (7, len(FEATURE_NAMES))
    assert encoded.features.dtype == np.float32
    assert encoded.features.flags["C_CONTIGUOUS"]
    assert encoded.mask.dtype == encoded.flags.dtype == np.uint32


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 15, 16, 17, 64, 1000])
def test_a_row_has_the_same_bytes_alone_and_in_company(n: int) -> None:
    stars = random_stars(n, seed=n)
    together = encode(stars)
    for row in {0, n // 3, n // 2, n - 1}:
        alone = encode(stars.take(np.array([row])))
        assert alone.features.tobytes() == together.features[row].tobytes()
        assert (alone.mask[0], alone.flags[0]) == (together.mask[row], together.flags[row])


def test_rows_of_a_slice_have_the_same_bytes() -> None:
    stars = random_stars(500)
    together = encode(stars).features
    for rows in (slice(1, 4), slice(100, 333), slice(499, 500)):
        part = stars.take(np.arange(500)[rows])
        assert encode(part).features.tobytes() == together[rows].tobytes()
    backwards = stars.take(np.arange(500)[::-1])
    assert encode(backwards).features[::-1].tobytes() == together.tobytes()


def test_proper_motions_of_neighbours_change_nothing() -> None:
    """Where nobody has a proper motion the turn is left out; the bytes must not tell."""
    bare = one()
    mixed = from_columns(
        {name: np.concatenate([bare.numeric[name], one(pmra=3.0, pmdec=4.0).numeric[name]]) for name in bare.numeric}
    )
    assert encode(mixed).features[0].tobytes() == encode(bare).features[0].tobytes()


def test_no_stars_make_an_empty_tensor() -> None:
    assert encode(from_columns({"ra": np.zeros(0), "dec": np.zeros(0)})).features.shape == (0, len(FEATURE_NAMES))


def test_everything_allowed_encodes_to_finite_numbers() -> None:
    encoded = encode(random_stars(2_000, missing=0.0))
    assert np.isfinite(encoded.features).all()
    ends = {c.name: np.array([np.nextafter(c.low, 1e9) if c.low_open else c.low, c.high]) for c in INPUTS}
    assert np.isfinite(encode(from_columns(ends)).features).all()


def test_rows_have_the_same_bytes_wherever_a_block_ends() -> None:
    n = BLOCK_ROWS + 700
    stars = random_stars(n, seed=3)
    together = encode(stars)
    for rows in (slice(0, 5), slice(BLOCK_ROWS - 3, BLOCK_ROWS + 3), slice(n - 5, n)):
        part = encode(stars.take(np.arange(n)[rows]))
        assert part.features.tobytes() == together.features[rows].tobytes()
        assert part.flags.tobytes() == together.flags[rows].tobytes()
