"""The tail probability: uniform where the prediction is right, small where a velocity is far out."""

import numpy as np
import pytest
from astroscale_shared.stars.surprise import NORMAL_SCORES, tail_probability

NORMAL = NORMAL_SCORES.astype(np.float32)
LEVELS = (0.05, 0.16, 0.5, 0.84, 0.95)


def tail(measured: float, quantiles: np.ndarray = NORMAL) -> float:
    return float(tail_probability(np.array([measured]), quantiles[None, :].astype(np.float32))[0])


def test_it_is_uniform_for_samples_of_the_predicted_distribution() -> None:
    rng = np.random.default_rng(11)
    z = rng.standard_normal(20_000)
    centre, scale = rng.uniform(-300, 300, z.size), rng.uniform(5, 80, z.size)
    quantiles = (centre[:, None] + scale[:, None] * NORMAL_SCORES).astype(np.float32)
    found = np.sort(tail_probability(centre + scale * z, quantiles))
    # Kolmogorov-Smirnov: 1.63 / sqrt(n) is the 1 % level.
    assert np.abs(found - (np.arange(z.size) + 0.5) / z.size).max() < 1.63 / np.sqrt(z.size)


def test_it_is_uniform_for_a_skew_distribution_given_by_its_quantiles() -> None:
    rng = np.random.default_rng(12)
    quantiles = np.array([-40.0, -15.0, 0.0, 40.0, 130.0], dtype=np.float32)
    z = rng.standard_normal(20_000)
    slopes = np.diff(quantiles) / np.diff(NORMAL_SCORES)
    piece = np.clip(np.searchsorted(NORMAL_SCORES, z) - 1, 0, 3)
    samples = quantiles[piece] + (z - NORMAL_SCORES[piece]) * slopes[piece]
    found = np.sort(tail_probability(samples, np.tile(quantiles, (z.size, 1))))
    assert np.abs(found - (np.arange(z.size) + 0.5) / z.size).max() < 1.63 / np.sqrt(z.size)


@pytest.mark.parametrize(("score", "level"), list(zip(NORMAL_SCORES, LEVELS, strict=True)))
def test_at_the_quantiles_it_is_twice_the_smaller_side(score: float, level: float) -> None:
    assert tail(float(np.float32(score))) == pytest.approx(2 * min(level, 1 - level), abs=1e-4)


def test_limits() -> None:
    assert tail(0.0) == 1.0
    assert tail(1e6) == tail(-1e6) == 0.0
    assert 0 < tail(6.0) < 1e-8
    assert tail(5.0) < tail(4.0) < tail(3.0)


def test_nothing_measured_is_nothing_said() -> None:
    found = tail_probability(np.array([np.nan, 0.0, np.inf]), np.tile(NORMAL, (3, 1)))
    assert np.isnan(found).tolist() == [True, False, True]
    assert found.dtype == np.float32
    assert tail_probability(np.zeros(0), np.zeros((0, 5), dtype=np.float32)).shape == (0,)


def test_quantiles_that_fall_together_are_no_division_by_zero() -> None:
    point = np.full(5, 7.0)
    assert tail(7.0, point) == pytest.approx(0.1, abs=1e-3)  # on the lowest of five equal quantiles
    assert tail(8.0, point) == 0.0
