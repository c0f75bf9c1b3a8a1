"""Fits value and scale: out of fold for calibration and evaluation, then on all stars for the model that ships."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from astroscale_shared.registry.card import QUANTILES
from numpy.typing import NDArray

from astroscale_training.boosting import Trees, fit_trees
from astroscale_training.calibrate import HeldOutRatios, calibrate, cells
from astroscale_training.features import Rows
from astroscale_training.folds import learning_share
from astroscale_training.kinematic_regression import (
    VIEWS,
    KinematicRegression,
    fit_kinematic,
    robust_weights,
    searched_ridge,
)
from astroscale_training.kinematics import kinematics
from astroscale_training.model import Model
from astroscale_training.normalize import fit_scaler
from astroscale_training.novelty import fit_novelty
from astroscale_training.ops import NUMPY
from astroscale_training.parallel import side_by_side
from astroscale_training.settings import TrainingSettings

Features = NDArray[np.float32]
Floats = NDArray[np.float64]

_SOFTENING_KMS: Final = 5.0
"""Added to a residual before its logarithm: a residual of nearly nothing is luck, not precision."""

_SEARCHED_ON: Final = 0.8
"""Share of the stars that fits with every ridge learn from; the rest chooses among them."""

_WEIGHT_OF_COPIES: Final = 0.15
_WEIGHT_OF_WHOLE_COPIES: Final = 0.6


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What the model says of rows that its fits have not seen, and the quantiles whose factors have not seen them.

    value: float64 [M], quantiles: float64 [M, 5], km/s. fold: int [M].
    """

    value: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    fold: NDArray[np.intp]


def fit_value(rows: Rows, velocity: Floats, settings: TrainingSettings) -> KinematicRegression:
    """Kinematic regression of rows [M] of stars whose velocities are float64 [N], km/s.

    A first, smaller fit shows how much the velocities of which stars scatter; the others trust those less. The ridge
    is searched on stars left out for this.
    """
    of, target, weight = kinematics(NUMPY, rows.features.astype(np.float64)), velocity[rows.star], value_weights(rows)
    first = fit_kinematic(of, target, weight, views=VIEWS[:1], waves=settings.waves // 2, seed=settings.seed)
    residual = target - first.predict(of)
    scale = fit_trees(
        rows.features,
        np.log(np.abs(residual) + _SOFTENING_KMS),
        weight,
        trees=60,
        leaves=15,
        smallest_leaf=100,
        learning_rate=0.1,
        bins=settings.bins,
    )
    weight = weight * robust_weights(residual, np.exp(scale.predict(rows.features)))
    as_observed = rows.natural
    ridge = searched_ridge(
        of.take(as_observed),
        target[as_observed],
        weight[as_observed],
        learning_share(rows.same_star[as_observed], _SEARCHED_ON, settings.seed),
        waves=settings.waves // 2,
        seed=settings.seed,
    )
    return fit_kinematic(of, target, weight, waves=settings.waves, seed=settings.seed, ridge=ridge)


def fit_scale(features: Features, residual: Floats, weight: Floats, settings: TrainingSettings) -> Trees:
    """Trees for the logarithm of the scale, from held-out residuals float64 [M], km/s, on standardised rows."""
    return fit_trees(
        features,
        np.log(np.abs(residual) + _SOFTENING_KMS),
        weight,
        trees=settings.scale_trees,
        leaves=settings.scale_leaves,
        smallest_leaf=100,
        learning_rate=0.06,
        bins=settings.bins,
    )


def held_out_values(rows: Rows, velocity: Floats, fold: NDArray[np.intp], settings: TrainingSettings) -> Floats:
    """float64 [M]: the value of each row by a fit without the stars of its fold (int [N], by star).

    All rows of a star are in one fold, so no copy of it tells on another. Folds are fitted side by side, each in one
    thread: the result does not depend on how many.
    """
    by_row = fold[rows.star]

    def one(number: int) -> Floats:
        held = by_row == number
        value = fit_value(rows.take(~held), velocity, settings)
        return value.predict(kinematics(NUMPY, rows.features[held].astype(np.float64)))

    numbers = np.unique(by_row)
    out = np.empty(len(by_row))
    for number, values in zip(numbers, side_by_side(one, numbers.tolist(), settings.workers), strict=True):
        out[by_row == number] = values
    return out


def value_weights(rows: Rows) -> Floats:
    """float64 [M]: stars as they are count in full; copies with inputs taken away keep the fit sane where those miss.

    Copies of stars with all seven features count more: they alone show patterns that one table has, and only there.
    """
    return np.where(rows.natural, 1.0, np.where(rows.whole, _WEIGHT_OF_WHOLE_COPIES, _WEIGHT_OF_COPIES))


def survey_weights(survey: NDArray[np.object_]) -> Floats:
    """float64 [N], mean 1: each survey counts as the root of its size, so that a promise is kept in small ones too."""
    _, of_star, sizes = np.unique(survey.astype(str), return_inverse=True, return_counts=True)
    weight = sizes[of_star] ** -0.5
    return weight / weight.mean()


def fit_model(
    rows: Rows, velocity: Floats, survey: NDArray[np.object_], fold: NDArray[np.intp], settings: TrainingSettings
) -> tuple[Model, HeldOut]:
    """The model of all stars, and what it says of each row held out.

    velocity, survey and fold: [N], by star. The scale learns from held-out residuals, and is itself taken out of fold for the
    factors; the factors of a row come from the other folds.
    """
    target, by_row = velocity[rows.star], fold[rows.star]
    weight = rows.weight * survey_weights(survey)[rows.star]
    scaler = fit_scaler(rows.features[rows.natural], settings.normalization)
    features = scaler.apply(rows.features)
    value = held_out_values(rows, velocity, fold, settings)
    residual = target - value
    scale = np.empty(len(target))
    for number in np.unique(by_row):
        held = by_row == number
        trees = fit_scale(features[~held], residual[~held], weight[~held], settings)
        scale[held] = np.exp(trees.predict(features[held]))
    ratios = HeldOutRatios(residual / scale, weight, cells(rows.features), rows.natural, rows.whole)
    quantiles = np.empty((len(target), len(QUANTILES)))
    for number in np.unique(by_row):
        held = by_row == number
        factors = calibrate(ratios[~held]).reshape(-1, len(QUANTILES))[ratios.at[held].flat]
        quantiles[held] = value[held, None] + scale[held, None] * factors
    model = Model(
        scaler,
        fit_value(rows, velocity, settings),
        fit_scale(features, residual, weight, settings),
        calibrate(ratios),
        fit_novelty(kinematics(NUMPY, rows.features[rows.natural].astype(np.float64)).parameters, settings.seed),
    )
    return model, HeldOut(value, quantiles, by_row)
