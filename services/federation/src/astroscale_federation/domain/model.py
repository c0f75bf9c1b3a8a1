"""The finished model in numpy: what the exported graph must repeat."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from astroscale_federation.domain import design
from astroscale_federation.domain.linear import predict
from astroscale_federation.domain.moments import Scaling, standardise

CLIP_KMS: Final = 3000.0


@dataclass(frozen=True, slots=True)
class Model:
    """scaling: of the inputs. weights: float64 [P + 1]. offsets: float64 [G, 5], km/s by calibration group."""

    scaling: Scaling
    weights: NDArray[np.float64]
    offsets: NDArray[np.float64]

    def velocity(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Radial velocity (km/s) float64 [N] of encoded stars [N, F]."""
        return velocity(self.weights, self.scaling, features)

    def quantiles(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Quantiles (km/s) float64 [N, 5] of encoded stars [N, F]."""
        return self.velocity(features)[:, None] + self.offsets[design.group_of(features)]


def velocity(weights: NDArray[np.float64], scaling: Scaling, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Radial velocity (km/s) float64 [N] of encoded stars [N, F], within the allowed range."""
    return np.clip(predict(weights, standardise(design.inputs_of(features), scaling)), -CLIP_KMS, CLIP_KMS)
