"""The kinematics are finite and steady wherever a star may be."""

import numpy as np
import pytest
from astroscale_shared.stars.encoding import FEATURE_NAMES, encode
from astroscale_shared.stars.geometry import GALACTIC_FROM_ICRS
from astroscale_shared.stars.observations import from_columns
from astroscale_training.kinematics import BASIS, ODDEST, PARAMETERS, POPULATIONS, SUN, Kinematics, kinematics
from astroscale_training.ops import NUMPY


def around_the_pole(north: bool, off_deg: np.ndarray) -> Kinematics:
    x, y, z = GALACTIC_FROM_ICRS[2] * (1.0 if north else -1.0)
    inwards = -1.0 if north else 1.0
    same = {"parallax": 5.0, "pmra": 10.0, "pmdec": -12.0, "teff": 5_000.0, "logg": 4.5, "fe_h": -0.2}
    columns = {name: np.full(len(off_deg), value) for name, value in same.items()}
    columns["ra"] = np.full(len(off_deg), np.degrees(np.arctan2(y, x)) % 360.0)
    columns["dec"] = np.degrees(np.arcsin(z)) + inwards * off_deg
    return kinematics(NUMPY, encode(from_columns(columns)).features.astype(np.float64))


def test_next_to_a_galactic_pole_nothing_happens_that_does_not_a_little_further_away() -> None:
    for north in (True, False):
        of = around_the_pole(north, np.array([1e-4, 1e-3, 1e-2, 0.1]))
        # 0.1 is 10 km/s; the stars' own velocities differ by less.
        assert (np.ptp(of.basis, axis=0) < 0.01).all()
        assert (np.ptp(of.parameters, axis=0) < 0.1).all()


def test_at_the_very_pole_and_for_no_direction_at_all_everything_is_finite() -> None:
    nothing = kinematics(NUMPY, np.zeros((1, len(FEATURE_NAMES))))
    for of in (around_the_pole(True, np.zeros(1)), around_the_pole(False, np.zeros(1)), nothing):
        assert np.isfinite(of.basis).all()
        assert np.isfinite(of.parameters).all()
        assert (np.abs(of.basis) < 10.0).all()
        assert of.parameters.shape == (1, len(PARAMETERS))


def test_the_line_of_sight_velocity_is_the_conditional_mean_of_each_population() -> None:
    rng = np.random.default_rng(3)
    columns = {
        "ra": rng.uniform(0.0, 360.0, 40),
        "dec": rng.uniform(-80.0, 80.0, 40),
        "parallax": rng.uniform(2.0, 20.0, 40),
        "pmra": rng.normal(0.0, 20.0, 40),
        "pmdec": rng.normal(0.0, 20.0, 40),
    }
    features = encode(from_columns(columns)).features.astype(np.float64)
    of = kinematics(NUMPY, features)
    motion = of.parameters[:, [PARAMETERS.index(f"{axis}_speed") for axis in ("outward", "rotation", "vertical")]]
    radial, rotation, nz = (features[:, FEATURE_NAMES.index(name)] for name in ("radial", "rotation", "nz"))
    along = np.column_stack([radial, rotation, nz])
    cos_b = np.hypot(radial, rotation)
    longitude = np.column_stack([rotation, -radial, np.zeros(40)]) / cos_b[:, None]
    sun_along = features[:, [FEATURE_NAMES.index(n) for n in ("nx", "ny", "nz")]] @ np.array(SUN)
    for population, (mean, dispersion) in POPULATIONS.items():
        for star in range(40):
            frame = np.array([along[star], longitude[star], np.cross(along[star], longitude[star])])
            covariance = frame @ np.diag(np.square(dispersion)) @ frame.T
            off = frame[1:] @ motion[star] - frame[1:] @ np.array(mean)
            weighed = np.linalg.solve(covariance[1:, 1:], off)
            expected = along[star] @ np.array(mean) + covariance[0, 1:] @ weighed - sun_along[star]
            assert of.basis[star, BASIS.index(population)] == pytest.approx(expected, abs=1e-5)
            oddness = of.parameters[star, PARAMETERS.index(f"oddness_{population.replace(' ', '_')}")]
            assert oddness == pytest.approx(min(off @ weighed, ODDEST) ** 0.5, abs=1e-5)
