"""The fitted model keeps its promises on stars that it has not seen."""

from typing import Any

import numpy as np
import pytest
from astroscale_training.boosting import fit_trees
from astroscale_training.calibrate import GROUP_NAMES, calibrate, groups, weighted_quantiles
from astroscale_training.evaluate import accuracy, coverage, r2
from astroscale_training.features import MASKABLE, Rows
from astroscale_training.fit import fit_model, shuffled_folds, sky_folds
from astroscale_training.settings import TrainingSettings
from threadpoolctl import threadpool_limits


def test_quantiles_never_cross_and_hold_the_value(fitted: Any) -> None:
    value, quantiles = fitted.model.predict(fitted.rows.features)
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert ((quantiles[:, 0] <= value[:, 0]) & (value[:, 0] <= quantiles[:, -1])).all()


def test_interval_holds_what_it_promises_on_held_out_stars(fitted: Any) -> None:
    truth = fitted.data.velocity[fitted.rows.star]
    inside = (fitted.held.quantiles[:, 0] <= truth) & (truth <= fitted.held.quantiles[:, -1])
    assert 0.85 < inside.mean() < 0.97


def test_same_stars_same_model_at_any_thread_count(fitted: Any, small: TrainingSettings) -> None:
    folds = shuffled_folds(len(fitted.data), small.folds, 0)
    with threadpool_limits(limits=2):
        again, _ = fit_model(fitted.rows, fitted.data.velocity, folds, small)
    for ours, theirs in zip(
        fitted.model.predict(fitted.rows.features), again.predict(fitted.rows.features), strict=True
    ):
        assert np.array_equal(ours, theirs)


def test_thresholds_are_exact_in_float32() -> None:
    # Neighbouring float32 values: their midpoint, where scikit-learn cuts, is no float32.
    low = np.float32(1.0)
    high = np.nextafter(low, np.float32(2.0))
    features = np.repeat([[low], [high]], 200, axis=0)
    target = np.repeat([-10.0, 10.0], 200)
    model = fit_trees(features, target, np.ones(400), trees=30, leaves=2, smallest_leaf=20, learning_rate=0.5)
    for (predictor,) in model._predictors:  # pyright: ignore[reportAttributeAccessIssue]
        thresholds = predictor.nodes["num_threshold"]
        assert np.array_equal(thresholds.astype(np.float32).astype(np.float64), thresholds)
    assert np.allclose(model.predict(features), target, atol=0.5)


def test_folds_of_the_sky_keep_neighbours_together() -> None:
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(0, 360, 2_000), np.rad2deg(np.arcsin(rng.uniform(-1, 1, 2_000)))
    fold = sky_folds(ra, dec, 5, seed=0)
    assert set(fold) == set(range(5))
    shifted = sky_folds(ra, dec, 5, seed=0)
    assert np.array_equal(fold, shifted)
    assert min(np.bincount(fold)) > 200
    assert len(set(sky_folds(np.array([10.0, 10.5, 11.0]), np.array([2.0, 2.5, 3.0]), 2, seed=0))) == 1


def test_shuffled_folds_are_even() -> None:
    assert sorted(np.bincount(shuffled_folds(103, 5, seed=1))) == [20, 20, 21, 21, 21]


def test_each_pattern_belongs_to_the_group_that_it_is_named_after() -> None:
    group = groups()
    bits = {name: 1 << bit for bit, name in enumerate(MASKABLE)}
    spectrum = sum(bits[name] for name in ("teff", "logg", "fe_h", "snr"))
    assert GROUP_NAMES[group[0]] == "all seven; with proper motion"
    assert GROUP_NAMES[group[bits["snr"] + bits["pmra"]]] == "no snr; no proper motion"
    assert GROUP_NAMES[group[spectrum]] == "no teff, logg, fe_h, snr; with proper motion"
    assert GROUP_NAMES[group[spectrum + bits["parallax"]]].startswith("no teff, logg, fe_h, snr, parallax")
    assert GROUP_NAMES[group[bits["fe_h"]]].startswith("other")


def rows_of(pattern: np.ndarray, whole: np.ndarray) -> Rows:
    n = len(pattern)
    ones = np.ones(n, dtype=np.bool_)
    return Rows(np.empty((n, 19), dtype=np.float32), np.arange(n), ones, pattern, whole, np.ones(n))


def test_factors_are_those_of_the_group_and_of_all_where_it_is_small() -> None:
    rng = np.random.default_rng(0)
    pattern = np.repeat([0, 1 << MASKABLE.index("snr"), 1 << MASKABLE.index("fe_h")], [5_000, 5_000, 20])
    ratio = np.where(pattern == 0, 1.0, 3.0) * rng.normal(size=len(pattern))
    everyone = np.ones(len(pattern), dtype=np.bool_)
    factors = calibrate(ratio, rows_of(pattern, everyone), everyone)
    assert factors.shape == (128, 5)
    assert factors[0, -1] == pytest.approx(1.645, abs=0.1)
    assert factors[1 << MASKABLE.index("snr"), -1] == pytest.approx(3 * 1.645, abs=0.3)
    assert factors[0, -1] < factors[1 << MASKABLE.index("fe_h"), -1] < factors[1 << MASKABLE.index("snr"), -1]


def test_stars_that_lost_their_inputs_get_the_coverage_they_were_promised() -> None:
    rng = np.random.default_rng(0)
    whole = np.repeat([False, True], [8_000, 2_000])
    ratio = np.where(whole, 2.0, 1.0) * rng.normal(size=10_000)
    everyone = np.ones(10_000, dtype=np.bool_)
    factors = calibrate(ratio, rows_of(np.zeros(10_000, dtype=np.int64), whole), everyone)[0]
    assert np.mean((ratio[whole] >= factors[0]) & (ratio[whole] <= factors[-1])) == pytest.approx(0.9, abs=0.01)
    assert (np.diff(factors) >= 0).all()


def test_the_interval_reaches_to_the_value_where_all_residuals_lean_one_way() -> None:
    everyone = np.ones(500, dtype=np.bool_)
    ratio = np.linspace(1.0, 2.0, 500)
    factors = calibrate(ratio, rows_of(np.zeros(500, dtype=np.int64), everyone), everyone)[0]
    assert factors[0] == 0.0 < factors[1] < factors[-1]


def test_weighted_quantiles_of_equal_weights_are_the_usual_ones() -> None:
    values = np.arange(1_001, dtype=np.float64)
    assert weighted_quantiles(values, np.ones(1_001), (0.05, 0.5)) == pytest.approx([50, 500], abs=1)
    heavy = np.where(values < 500, 3.0, 1.0)
    assert weighted_quantiles(values, heavy, (0.5,))[0] == pytest.approx(333, abs=1)


def test_figures_of_the_card(fitted: Any) -> None:
    n = len(fitted.data)
    metrics = accuracy(fitted.data, fitted.held, fitted.held.value[:n], fitted.held.fold[:n])
    assert metrics["r2"].value == pytest.approx(r2(fitted.data.velocity, fitted.held.value[:n]))
    assert metrics["r2_sky_block"] == metrics["r2"]
    assert metrics["r2_of_survey_means"].value == pytest.approx(0.0, abs=1e-9)
    rows = {row.pattern: row for row in coverage(fitted.data, fitted.rows, fitted.held)}
    assert rows["as observed: all"].rows == n
    assert all(0.0 <= row.coverage <= 1.0 and row.mean_width_kms > 0 for row in rows.values())
