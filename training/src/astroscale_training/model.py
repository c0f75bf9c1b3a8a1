"""The model: a value by kinematic regression, a scale by boosted trees, and quantiles by conformal factors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from astroscale_training.boosting import Trees
from astroscale_training.calibrate import cells
from astroscale_training.kinematic_regression import KinematicRegression
from astroscale_training.kinematics import kinematics
from astroscale_training.normalize import Scaler
from astroscale_training.novelty import Novelty
from astroscale_training.ops import NUMPY


@dataclass(frozen=True, slots=True)
class Predictions:
    """value [N, 1] and quantiles [N, 5] in km/s, novelty [N, 1]."""

    value: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    novelty: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Model:
    """The reference in Python; the exported graph must give the same numbers.

    value: velocity in km/s. scale: trees for the logarithm of the scale in km/s, on standardised features. factors:
    float64 [*calibrate.SHAPE, 5], ascending, the first <= 0 <= the last: so quantiles never cross and the value lies
    inside the interval.
    """

    scaler: Scaler
    value: KinematicRegression
    scale: Trees
    factors: NDArray[np.float64]
    novelty: Novelty

    def predict(self, features: NDArray[np.float32]) -> Predictions:
        """Predictions of encoded stars float32 [N, F]."""
        of = kinematics(NUMPY, features.astype(np.float64))
        value = self.value.predict(of)[:, None]
        scale = np.exp(self.scale.predict(self.scaler.apply(features)))[:, None]
        factors = self.factors.reshape(-1, self.factors.shape[-1]).astype(np.float32)[cells(features).flat]
        return Predictions(value, value + scale * factors, self.novelty.value(NUMPY, of.parameters))
