"""Fits value and scale: out of fold for calibration and evaluation, then on all stars for the model that ships."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from astroscale_shared.registry.card import QUANTILES
from numpy.typing import NDArray

from astroscale_training.boosting import Trees, fit_trees
from astroscale_training.calibrate import calibrate
from astroscale_training.features import Rows
from astroscale_training.model import Model
from astroscale_training.normalize import fit_scaler
from astroscale_training.settings import TrainingSettings

_SOFTENING_KMS = 5.0
"""Added to a residual before its logarithm: a residual of nearly nothing is luck, not precision."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What the model says of rows that its trees have not seen, and the quantiles whose factors have not seen them.

    value: float64 [M], quantiles: float64 [M, 5], km/s. fold: int [M].
    """

    value: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    fold: NDArray[np.intp]


def shuffled_folds(stars: int, folds: int, seed: int) -> NDArray[np.intp]:
    """int [N]: a fold for each star, of even sizes."""
    return np.random.default_rng(seed).permutation(np.arange(stars) % folds)


def sky_folds(ra: NDArray[np.float64], dec: NDArray[np.float64], folds: int, seed: int) -> NDArray[np.intp]:
    """int [N]: folds of whole sky cells of about 15 degrees, so that no test star has training neighbours.

    ra, dec: float64 [N], deg.
    """
    band = np.floor((dec + 90.0) / 15.0)
    across = np.maximum(np.round(24.0 * np.cos(np.deg2rad(band * 15.0 - 82.5))), 1.0)
    cell = (band * 100 + np.floor(ra / 360.0 * across)).astype(np.int64)
    cells, of_star = np.unique(cell, return_inverse=True)
    return shuffled_folds(len(cells), folds, seed)[of_star]


Fitter = Callable[[NDArray[np.bool_]], Trees]
"""Fits trees on the chosen rows, bool [M]."""


def out_of_fold(features: NDArray[np.float32], fold: NDArray[np.intp], fit: Fitter) -> NDArray[np.float64]:
    """float64 [M]: prediction of each row (float32 [M, F]) by trees fitted without the rows of its fold (int [M])."""
    out = np.empty(len(features))
    for f in np.unique(fold):
        held = fold == f
        out[held] = fit(~held).predict(features[held])
    return out


def fit_model(
    rows: Rows, velocity: NDArray[np.float64], fold: NDArray[np.intp], settings: TrainingSettings
) -> tuple[Model, HeldOut]:
    """The model of all stars, and what it says of each row held out.

    velocity and fold: [N], by star. All rows of a star are in one fold, so no copy of it tells on another. The scale
    learns from out-of-fold residuals, and is itself taken out of fold for the factors.
    """
    target, by_row = velocity[rows.star], fold[rows.star]
    scaler = fit_scaler(rows.features[rows.natural], settings.normalization)
    features = scaler.apply(rows.features)
    fit_value = _value_fitter(features, target, rows, settings)
    value = out_of_fold(features, by_row, fit_value)
    fit_scale = _scale_fitter(features, np.abs(target - value), rows, settings)
    scale = np.exp(out_of_fold(features, by_row, fit_scale))
    ratio = (target - value) / scale
    quantiles = np.empty((len(target), len(QUANTILES)))
    for f in np.unique(by_row):
        held = by_row == f
        factors = calibrate(ratio, rows, ~held)
        quantiles[held] = value[held, None] + scale[held, None] * factors[rows.pattern[held]]
    everything = np.ones(len(target), dtype=np.bool_)
    factors = calibrate(ratio, rows, everything)
    return Model(scaler, fit_value(everything), fit_scale(everything), factors), HeldOut(value, quantiles, by_row)


def held_out_values(
    rows: Rows, velocity: NDArray[np.float64], fold: NDArray[np.intp], settings: TrainingSettings
) -> NDArray[np.float64]:
    """float64 [M]: values out of other folds (int [N], by star), to see what a model knows beyond its neighbours."""
    features = fit_scaler(rows.features[rows.natural], settings.normalization).apply(rows.features)
    return out_of_fold(features, fold[rows.star], _value_fitter(features, velocity[rows.star], rows, settings))


def _value_fitter(
    features: NDArray[np.float32], target: NDArray[np.float64], rows: Rows, settings: TrainingSettings
) -> Fitter:
    def fit(chosen: NDArray[np.bool_]) -> Trees:
        return fit_trees(
            features[chosen],
            target[chosen],
            rows.weight[chosen],
            trees=settings.value_trees,
            leaves=settings.value_leaves,
            smallest_leaf=40,
            learning_rate=0.08,
            bins=settings.bins,
        )

    return fit


def _scale_fitter(
    features: NDArray[np.float32], residual: NDArray[np.float64], rows: Rows, settings: TrainingSettings
) -> Fitter:
    target = np.log(residual + _SOFTENING_KMS)

    def fit(chosen: NDArray[np.bool_]) -> Trees:
        return fit_trees(
            features[chosen],
            target[chosen],
            rows.weight[chosen],
            trees=settings.scale_trees,
            leaves=settings.scale_leaves,
            smallest_leaf=100,
            learning_rate=0.06,
            bins=settings.bins,
        )

    return fit
