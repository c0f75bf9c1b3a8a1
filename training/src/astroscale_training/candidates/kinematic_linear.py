"""A linear kinematic model: solar reflex, rotation and populations, each with a coefficient linear in what a star is.

69 coefficients by ridge regression, whose strength is found by leave-one-out inside the training sample.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge, RidgeCV

from astroscale_training.candidates.base import Candidate, Floats, Predict, Sample
from astroscale_training.kinematic_regression import robust_weights
from astroscale_training.kinematics import BASIS, PARAMETERS, Kinematics
from astroscale_training.settings import TrainingSettings

STRENGTHS: Final = (0.1, 1.0, 10.0, 100.0)

_BENT: Final = [BASIS.index(n) for n in ("nz", "rotation", "radial", "thin disc", "thick disc", "halo")]
_LINEAR: Final = [PARAMETERS.index(n) for n in ("fe_h", "teff", "logg", "radius", "log_distance")]
_ABSENT: Final = [PARAMETERS.index(f"missing_{n}") for n in ("fe_h", "parallax", "v_l")]
_FE_H: Final = PARAMETERS.index("fe_h")
_HEIGHT: Final = PARAMETERS.index("height")
_SOFTENING_KMS: Final = 5.0
_FARTHEST: Final = 4.0
"""Parameters are limited to so many units of the encoding: beyond it a line would run away."""


def design(of: Kinematics) -> Floats:
    """float64 [N, 9 + 60]: the basis, and its velocities times the terms of `terms`."""
    bent = of.basis[:, _BENT]
    products = bent[:, :, None] * terms(of)[:, None, :]
    return np.concatenate([of.basis, products.reshape(len(bent), -1)], axis=1)


def terms(of: Kinematics) -> Floats:
    """float64 [N, 10]: what a star is, in simple powers."""
    p = np.clip(of.parameters, -_FARTHEST, _FARTHEST)
    squared = np.column_stack([p[:, _FE_H] ** 2, np.abs(p[:, _HEIGHT])])
    return np.concatenate([p[:, _LINEAR], squared, p[:, _ABSENT]], axis=1)


def fit_linear(sample: Sample) -> tuple[Callable[[Kinematics], Floats], NDArray[np.float64]]:
    """The model, and the weights float64 [N] that stars have in it: less where velocities scatter."""
    of = sample.kinematics
    inputs, scatter = design(of), terms(of)
    first = RidgeCV(STRENGTHS, fit_intercept=False).fit(inputs, sample.velocity)
    residual = sample.velocity - first.predict(inputs)
    scale = np.exp(Ridge().fit(scatter, np.log(np.abs(residual) + _SOFTENING_KMS)).predict(scatter))
    weight = robust_weights(residual, scale)
    weight = weight / weight.mean()
    model = RidgeCV(STRENGTHS, fit_intercept=False).fit(inputs, sample.velocity, sample_weight=weight)
    return (lambda of: np.asarray(model.predict(design(of)), dtype=np.float64)), weight


def fit(sample: Sample, settings: TrainingSettings) -> Predict:  # noqa: ARG001 - what every candidate takes
    """See `Candidate`."""
    model, _ = fit_linear(sample)
    return lambda stars: model(stars.kinematics)


CANDIDATE = Candidate("kinematic linear", fit)
