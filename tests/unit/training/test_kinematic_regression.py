"""The regression finds what it is fitted for, and how far to trust it."""

import numpy as np
from astroscale_training.kinematic_regression import RIDGES, fit_kinematic, searched_ridge
from astroscale_training.kinematics import BASIS, PARAMETERS, Kinematics


def drawn(stars: int, seed: int) -> Kinematics:
    rng = np.random.default_rng(seed)
    parameters = np.zeros((stars, len(PARAMETERS)))
    parameters[:, PARAMETERS.index("fe_h")] = 2.0 * rng.standard_normal(stars)
    return Kinematics(parameters, rng.standard_normal((stars, len(BASIS))))


def velocity(of: Kinematics, noise: float) -> np.ndarray:
    bending = np.sin(of.parameters[:, PARAMETERS.index("fe_h")])
    clean = 100.0 * of.basis[:, BASIS.index("rotation")] * bending + 50.0 * of.basis[:, BASIS.index("one")]
    return clean + noise * np.random.default_rng(9).standard_normal(len(clean))


def test_a_coefficient_that_bends_with_metallicity_is_found() -> None:
    of, asked = drawn(3_000, 1), drawn(500, 2)
    fit = fit_kinematic(of, velocity(of, 1.0), np.ones(3_000), waves=64, seed=0)
    left = velocity(asked, 0.0) - fit.predict(asked)
    assert left.std() < 0.1 * velocity(asked, 0.0).std()


def test_the_search_trusts_clean_velocities_and_distrusts_noise() -> None:
    of, kept = drawn(1_500, 3), np.arange(1_500) % 5 > 0
    by_noise = [
        searched_ridge(of, velocity(of, noise), np.ones(1_500), kept, waves=48, seed=0) for noise in (1.0, 2_000.0)
    ]
    assert by_noise == [min(RIDGES), max(RIDGES)]
