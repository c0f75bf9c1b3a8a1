"""The kinematics are finite and steady wherever a star may be."""

import numpy as np
from astroscale_shared.stars.encoding import FEATURE_NAMES, encode
from astroscale_shared.stars.geometry import GALACTIC_FROM_ICRS
from astroscale_shared.stars.observations import from_columns
from astroscale_training.kinematics import PARAMETERS, Kinematics, kinematics
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
