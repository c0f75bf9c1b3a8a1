"""The baseline: a value, and quantiles that are the value plus a positive scale times factors of the missing inputs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from astroscale_training.boosting import Trees
from astroscale_training.features import patterns
from astroscale_training.normalize import Scaler


@dataclass(frozen=True, slots=True)
class Model:
    """The reference in Python; the exported graph must give the same numbers.

    value: trees for the velocity in km/s. scale: trees for the logarithm of the scale in km/s. factors: float64
    [2**7, 5], by pattern of missing inputs (see `features.patterns`), ascending, the first <= 0 <= the last: so quantiles
    never cross and the value lies inside the interval.
    """

    scaler: Scaler
    value: Trees
    scale: Trees
    factors: NDArray[np.float64]

    def predict(self, features: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Velocity float64 [N, 1] and quantiles float64 [N, 5] in km/s of encoded stars float32 [N, F]."""
        scaled = self.scaler.apply(features)
        value = self.value.predict(scaled)[:, None]
        scale = np.exp(self.scale.predict(scaled))[:, None]
        return value, value + scale * self.factors[patterns(features)]
