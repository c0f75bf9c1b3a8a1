"""Geometry against published positions and numbers worked by hand."""

import numpy as np
import pytest
from astroscale_shared.stars.geometry import (
    GALACTIC_FROM_ICRS,
    KMS_PER_KPC_MASYR,
    SUN_HEIGHT_KPC,
    SUN_RADIUS_KPC,
    distance_kpc,
    geometry,
    tangential_kms,
)
from hypothesis import given
from hypothesis import strategies as st

# Catalogue positions: ICRS (deg) -> Galactic l, b (deg), from SIMBAD.
PUBLISHED = {
    "Sgr A*": (266.416817, -29.007825, 359.944216, -0.046077),
    "north Galactic pole": (192.859508, 27.128336, 0.0, 90.0),
    "Vega": (279.234735, 38.783689, 67.448188, 19.237252),
    "Sirius": (101.287155, -16.716116, 227.230283, -8.890285),
    "Polaris": (37.954561, 89.264109, 123.280491, 26.461360),
    "alpha Centauri A": (219.902058, -60.833993, 315.734187, -0.679644),
    "LMC": (80.894200, -69.756100, 280.465200, -32.888400),
}


def at(ra: float, dec: float, parallax: float = 1.0):
    return geometry(np.array([ra]), np.array([dec]), np.array([parallax]))


def galactic(ra: float, dec: float) -> tuple[float, float]:
    """ra, dec of a Galactic l, b (deg): the inverse turn."""
    lon, lat = np.deg2rad(ra), np.deg2rad(dec)
    x, y, z = GALACTIC_FROM_ICRS.T @ [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
    return float(np.rad2deg(np.arctan2(y, x)) % 360), float(np.rad2deg(np.arcsin(z)))


@pytest.mark.parametrize(("ra", "dec", "lon", "lat"), PUBLISHED.values(), ids=PUBLISHED.keys())
def test_unit_vectors_point_to_published_galactic_positions(ra: float, dec: float, lon: float, lat: float) -> None:
    place = at(ra, dec)
    lon, lat = np.deg2rad(lon), np.deg2rad(lat)
    wanted = [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
    np.testing.assert_allclose([place.nx[0], place.ny[0], place.nz[0]], wanted, atol=2e-6)  # 0.4 arcsec


def test_the_rotation_is_a_rotation() -> None:
    np.testing.assert_allclose(GALACTIC_FROM_ICRS @ GALACTIC_FROM_ICRS.T, np.eye(3), atol=1e-15)
    assert np.linalg.det(GALACTIC_FROM_ICRS) == pytest.approx(1.0, abs=1e-15)


def test_a_parallax_far_above_the_floor_is_inverted_and_a_negative_one_is_far() -> None:
    distances = distance_kpc(np.array([100.0, 1.0, 0.05, 0.0, -1.0, -1000.0, np.nan]))
    assert distances[0] == pytest.approx(0.01, rel=1e-6)
    assert distances[1] == pytest.approx(1.0, rel=0.003)
    assert distances[3] == pytest.approx(1 / 0.05)
    assert distances[4] == distances[5] == pytest.approx(30.0)
    assert np.isnan(distances[6])


@given(st.floats(-1000, 1000), st.floats(-1000, 1000))
def test_distance_is_finite_positive_and_falls_with_parallax(one: float, two: float) -> None:
    near, far = distance_kpc(np.array([max(one, two), min(one, two)]))
    assert 0 < near <= far <= 30.0


def test_towards_the_centre_the_radius_shrinks_by_the_distance() -> None:
    ra, dec = galactic(0.0, 0.0)
    place = at(ra, dec)
    assert place.radius[0] == pytest.approx(SUN_RADIUS_KPC - place.distance[0], abs=1e-9)
    assert place.height[0] == pytest.approx(SUN_HEIGHT_KPC, abs=1e-9)
    # The line of sight is radial: rotation does not show, outward motion comes towards us.
    assert place.rotation[0] == pytest.approx(0.0, abs=1e-9)
    assert place.radial[0] == pytest.approx(-1.0, abs=1e-9)


def test_towards_rotation_a_near_star_goes_away_with_it() -> None:
    # l = 90 deg, d = 0.01 kpc: the star's rotation is almost along the line of sight, away from us.
    place = at(*galactic(90.0, 0.0), parallax=100.0)
    assert place.rotation[0] == pytest.approx(1.0, abs=1e-5)
    assert place.radial[0] == pytest.approx(0.01 / SUN_RADIUS_KPC, rel=1e-3)


def test_rotation_at_the_tangent_point_is_all_on_the_line_of_sight() -> None:
    # l = 30 deg at d = R0 cos 30 deg: the circle touches the line of sight there, R = R0 sin 30 deg.
    distance = SUN_RADIUS_KPC * np.cos(np.deg2rad(30))
    parallax = 1 / distance - 0.05**2 * distance  # what the soft floor turns into this distance
    place = at(*galactic(30.0, 0.0), parallax=float(parallax))
    assert place.distance[0] == pytest.approx(distance, rel=1e-9)
    assert place.radius[0] == pytest.approx(SUN_RADIUS_KPC / 2, rel=1e-9)
    assert place.rotation[0] == pytest.approx(1.0, abs=1e-9)
    assert place.radial[0] == pytest.approx(0.0, abs=1e-9)


def test_towards_the_pole_only_the_height_changes() -> None:
    place = at(*galactic(0.0, 90.0))
    assert place.radius[0] == pytest.approx(SUN_RADIUS_KPC, abs=1e-9)
    assert place.height[0] == pytest.approx(place.distance[0] + SUN_HEIGHT_KPC)


def test_without_a_parallax_only_the_direction_is_known() -> None:
    place = at(10.0, 20.0, np.nan)
    assert np.isfinite([place.nx[0], place.ny[0], place.nz[0]]).all()
    for name in ("distance", "radius", "height", "rotation", "radial"):
        assert np.isnan(getattr(place, name)[0]), name


def turned(ra: float, dec: float, pmra: float, pmdec: float, distance: float = 1.0) -> tuple[float, float]:
    v_l, v_b = tangential_kms(*(np.array([value]) for value in (ra, dec, pmra, pmdec, distance)))
    return float(v_l[0]), float(v_b[0])


@given(st.floats(0, 359.999), st.floats(-89.9, 89.9), st.floats(-500, 500), st.floats(-500, 500), st.floats(0.01, 20))
def test_turning_a_proper_motion_keeps_its_speed(ra: float, dec: float, a: float, d: float, distance: float) -> None:
    speed = KMS_PER_KPC_MASYR * distance * np.hypot(a, d)
    assert np.hypot(*turned(ra, dec, a, d, distance)) == pytest.approx(speed, rel=1e-9, abs=1e-9)


@given(st.floats(0, 359.999), st.floats(-89, 89), st.floats(0, 6.28))
def test_a_motion_turns_as_the_position_does(ra: float, dec: float, angle: float) -> None:
    """A small step on the sky along the motion, seen in Galactic coordinates, is the turned motion."""
    a, d = np.cos(angle), np.sin(angle)
    step = 1e-7
    lon, lat = np.deg2rad(ra), np.deg2rad(dec)
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    north = np.array([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    motion = GALACTIC_FROM_ICRS @ (a * east + d * north)
    here = GALACTIC_FROM_ICRS @ [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
    if np.hypot(here[0], here[1]) < 1e-2:
        return  # at the Galactic pole longitude has no direction
    l_axis = np.array([-here[1], here[0], 0.0]) / np.hypot(here[0], here[1])
    b_axis = np.cross(here, l_axis)
    v_l, v_b = turned(ra, dec, float(a), float(d))
    scale = KMS_PER_KPC_MASYR
    assert (v_l / scale, v_b / scale) == pytest.approx((motion @ l_axis, motion @ b_axis), abs=max(2e-5, step))


def test_the_reflex_of_the_sun_in_sgr_a() -> None:
    """Sgr A* moves by -6.411 mas/yr along l and -0.219 along b (Reid & Brunthaler 2020): its proper motion
    (-3.156, -5.585) mas/yr turned, and 248 km/s at 8.178 kpc."""
    v_l, v_b = turned(266.416817, -29.007825, -3.156, -5.585, SUN_RADIUS_KPC)
    scale = KMS_PER_KPC_MASYR * SUN_RADIUS_KPC
    assert v_l / scale == pytest.approx(-6.411, abs=0.01)
    assert v_b / scale == pytest.approx(-0.219, abs=0.01)
    assert v_l == pytest.approx(-248.5, abs=1.0)
