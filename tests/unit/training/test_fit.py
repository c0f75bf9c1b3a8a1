"""The fitted model keeps its promises on stars that it has not seen."""

from typing import Any

import numpy as np
import pytest
from astroscale_shared.stars.encoding import FEATURE_NAMES, encode
from astroscale_shared.stars.observations import from_columns
from astroscale_training.boosting import fit_trees
from astroscale_training.calibrate import (
    GROUP_NAMES,
    SHAPE,
    Cells,
    HeldOutRatios,
    calibrate,
    cells,
    groups,
    weighted_quantiles,
)
from astroscale_training.export import export
from astroscale_training.features import MASKABLE
from astroscale_training.fit import fit_model
from astroscale_training.folds import shuffled_folds, sky_folds
from astroscale_training.settings import TrainingSettings
from threadpoolctl import threadpool_limits


def test_quantiles_never_cross_and_hold_the_value(fitted: Any) -> None:
    said = fitted.model.predict(fitted.rows.features)
    assert (np.diff(said.quantiles, axis=1) >= 0).all()
    assert ((said.quantiles[:, :1] <= said.value) & (said.value <= said.quantiles[:, -1:])).all()


def test_interval_holds_what_it_promises_on_held_out_stars(fitted: Any) -> None:
    truth = fitted.data.velocity[fitted.rows.star]
    inside = (fitted.held.quantiles[:, 0] <= truth) & (truth <= fitted.held.quantiles[:, -1])
    assert 0.85 < inside.mean() < 0.97


def test_same_stars_same_bytes_at_any_number_of_threads_and_workers(fitted: Any, small: TrainingSettings) -> None:
    with threadpool_limits(limits=2):
        again, held = fit_model(
            fitted.rows, fitted.data.velocity, fitted.data.survey, fitted.fold, small.model_copy(update={"workers": 2})
        )
    assert np.array_equal(held.quantiles, fitted.held.quantiles)
    assert export(again, small.normalization) == fitted.onnx


def test_another_seed_is_another_model(fitted: Any, small: TrainingSettings) -> None:
    again, _ = fit_model(
        fitted.rows, fitted.data.velocity, fitted.data.survey, fitted.fold, small.model_copy(update={"seed": 1})
    )
    assert export(again, small.normalization) != fitted.onnx


def test_training_stars_are_not_novel_and_strangers_are(fitted: Any) -> None:
    n = len(fitted.data)
    known = fitted.rows.features[:n]
    assert np.mean(fitted.model.predict(known).novelty > 1.0) <= 0.01
    strange = known.copy()
    strange[:, FEATURE_NAMES.index("fe_h")] = -8.0
    assert (fitted.model.predict(strange).novelty > 1.0).all()


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
    fold = sky_folds(ra, dec, np.arange(2_000), 5, seed=0)
    assert set(fold) == set(range(5))
    assert np.array_equal(fold, sky_folds(ra, dec, np.arange(2_000), 5, seed=0))
    assert min(np.bincount(fold)) > 200
    neighbours = sky_folds(np.array([10.0, 10.5, 11.0]), np.array([2.0, 2.5, 3.0]), np.arange(3), 2, seed=0)
    assert len(set(neighbours)) == 1


def test_one_star_is_in_one_fold_of_the_sky_even_where_two_cells_meet() -> None:
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(0, 360, 400), rng.uniform(-60, 60, 400)
    ra[1::2], dec[1::2] = ra[::2], dec[::2] + 10.0
    fold = sky_folds(ra, dec, np.arange(400) // 2, 5, seed=0)
    assert np.array_equal(fold[::2], fold[1::2])


def test_shuffled_folds_are_even_and_keep_a_star_together() -> None:
    assert sorted(np.bincount(shuffled_folds(np.arange(103), 5, seed=1))) == [20, 20, 21, 21, 21]
    fold = shuffled_folds(np.arange(300) // 3, 5, seed=1)
    assert (fold.reshape(-1, 3) == fold[::3, None]).all()


def test_each_pattern_belongs_to_the_group_that_it_is_named_after() -> None:
    group = groups()
    bits = {name: 1 << bit for bit, name in enumerate(MASKABLE)}
    spectrum = sum(bits[name] for name in ("teff", "logg", "fe_h", "snr"))
    assert GROUP_NAMES[group[0]] == "all seven; with proper motion"
    assert GROUP_NAMES[group[bits["snr"] + bits["pmra"]]] == "no snr; no proper motion"
    assert GROUP_NAMES[group[spectrum]] == "no teff, logg, fe_h, snr; with proper motion"
    assert GROUP_NAMES[group[spectrum + bits["parallax"]]].startswith("no teff, logg, fe_h, snr, parallax")
    assert GROUP_NAMES[group[bits["fe_h"]]].startswith("other")


def at(group: np.ndarray, fe_h: int = 0, parallax: int = 0) -> Cells:
    return Cells(group, np.full_like(group, fe_h), np.full_like(group, parallax))


def held_out(
    ratio: np.ndarray, cells_: Cells, whole: np.ndarray | None = None, *, natural: bool = True
) -> HeldOutRatios:
    n = len(ratio)
    everywhere = np.ones(n, dtype=np.bool_)
    return HeldOutRatios(ratio, np.ones(n), cells_, everywhere & natural, everywhere if whole is None else whole)


def test_factors_are_those_of_the_group_and_lean_on_all_where_it_is_small() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat([0, 2, 8], [5_000, 5_000, 20])
    ratio = np.where(group == 0, 1.0, 3.0) * rng.normal(size=len(group))
    factors = calibrate(held_out(ratio, at(group)))
    assert factors.shape == (*SHAPE, 5)
    assert factors[0, 0, 0, -1] == pytest.approx(1.645, abs=0.15)
    assert factors[2, 0, 0, -1] == pytest.approx(3 * 1.645, abs=0.3)
    assert factors[0, 0, 0, -1] < factors[8, 0, 0, -1] < factors[2, 0, 0, -1]
    assert (np.diff(factors, axis=-1) >= 0).all()


@pytest.mark.parametrize("observed", [True, False])
def test_a_pattern_that_nobody_observed_is_as_wide_as_its_harder_stars_need(observed: bool) -> None:
    rng = np.random.default_rng(0)
    whole = np.arange(6_000) < 1_000
    ratio = np.where(whole, 3.0, 1.0) * rng.normal(size=6_000)
    at_ = at(np.zeros(6_000, dtype=np.int64))
    factors = calibrate(held_out(ratio, at_, whole, natural=observed))[0, 0, 0]
    inside = (np.abs(ratio[whole]) <= factors[-1]).mean()
    assert inside < 0.75 if observed else inside > 0.88


def test_metallicity_and_parallax_have_factors_of_their_own() -> None:
    rng = np.random.default_rng(0)
    group, fe_h = np.zeros(20_000, dtype=np.int64), np.repeat([1, 5], 10_000)
    parallax = np.tile([2, 4], 10_000)
    ratio = np.where(fe_h == 1, 3.0, 1.0) * np.where(parallax == 2, 2.0, 1.0) * rng.normal(size=20_000)
    factors = calibrate(held_out(ratio, Cells(group, fe_h, parallax)))[0, :, :, -1] / 1.645
    assert factors[1, 2] == pytest.approx(6.0, rel=0.1)
    assert factors[5, 4] == pytest.approx(1.0, rel=0.15)


def test_cells_are_the_bins_of_metallicity_and_parallax() -> None:
    stars = {"ra": np.zeros(4), "dec": np.zeros(4)}
    stars |= {"fe_h": np.array([np.nan, -3.0, -0.6, 0.3]), "parallax": np.array([0.05, np.nan, 2.0, 50.0])}
    found = cells(encode(from_columns(stars)).features)
    assert found.fe_h.tolist() == [0, 1, 4, 8]
    assert found.parallax.tolist() == [1, 0, 4, 6]


def test_the_interval_reaches_to_the_value_where_all_residuals_lean_one_way() -> None:
    factors = calibrate(held_out(np.linspace(1.0, 2.0, 500), at(np.zeros(500, dtype=np.int64))))[0, 0, 0]
    assert factors[0] == 0.0 < factors[1] < factors[-1]


def test_weighted_quantiles_of_equal_weights_are_the_usual_ones() -> None:
    values = np.arange(1_001, dtype=np.float64)
    assert weighted_quantiles(values, np.ones(1_001), (0.05, 0.5)) == pytest.approx([50, 500], abs=1)
    heavy = np.where(values < 500, 3.0, 1.0)
    assert weighted_quantiles(values, heavy, (0.5,))[0] == pytest.approx(333, abs=1)
