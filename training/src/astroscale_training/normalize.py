"""Standardisation of the encoded tensor: the first node of a model's graph."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from astroscale_training.settings import Normalization


@dataclass(frozen=True, slots=True)
class Scaler:
    """(x - offset) * factor in float32, feature by feature; float32 [F] each. NaN stays NaN."""

    offset: NDArray[np.float32]
    factor: NDArray[np.float32]

    def apply(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [N, F] of float32 [N, F], with the very operations of the graph's node."""
        return (features - self.offset) * self.factor


def fit_scaler(features: NDArray[np.float32], kind: Normalization) -> Scaler:
    """The scaler of training rows float32 [N, F]: mean and deviation, median and quartiles, or none.

    A feature that is missing everywhere or constant is left as it is.
    """
    width = features.shape[1]
    offset, spread = np.zeros(width), np.ones(width)
    for column, values in enumerate(features.T.astype(np.float64)):
        there = values[~np.isnan(values)]
        if kind == "none" or not there.size:
            continue
        if kind == "standard":
            offset[column], spread[column] = there.mean(), there.std()
        else:
            low, offset[column], high = np.percentile(there, [25.0, 50.0, 75.0])
            spread[column] = (high - low) / 1.349
    factor = np.where(spread > 1e-9, 1.0 / np.maximum(spread, 1e-9), 1.0)
    return Scaler(offset.astype(np.float32), factor.astype(np.float32))
