"""How far a star lies from those that a model learnt from, in all its parameters at once."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from astroscale_training.kinematics import PARAMETERS
from astroscale_training.ops import NUMPY, Array, Ops, Tensor

CENTRES: Final = 64
SHARE_BEYOND: Final = 0.002
"""Share of the training stars that count as novel themselves: the outermost of them have no neighbours either."""

_COMPARED: Final = ("fe_h", "teff", "logg", "log_distance", "radius", "height", "oddness_halo")


@dataclass(frozen=True, slots=True)
class Novelty:
    """centres: [P, C] and offsets: [1, C], so that offsets - 2 x centres + |x|^2 are squared distances in units of the
    limit; scale: [P, P] brings the parameters to equal spread and picks those that are compared."""

    scale: Array
    centres: Array
    offsets: Array

    def value(self, ops: Ops, parameters: Tensor) -> Tensor:
        """[N, 1]: squared distance to the nearest centre over the limit; above 1 means extrapolation."""
        near = ops.matmul(ops.single(parameters), self.scale)
        offsets = self.offsets.astype(np.float32)
        squares = ops.sum_columns(near * near) + (offsets - ops.matmul(near, self.centres))
        return ops.least(squares)


def fit_novelty(parameters: Array, seed: int) -> Novelty:
    """Centres of training stars, float64 [N, P], and the limit that all but a few of them keep."""
    index = [PARAMETERS.index(name) for name in _COMPARED]
    spread = parameters[:, index].std(axis=0)
    scale = np.zeros((len(PARAMETERS), len(index)))
    scale[index, range(len(index))] = 1.0 / np.where(spread > 1e-9, spread, 1.0)
    near = parameters @ scale
    with threadpool_limits(limits=1):
        fitted = KMeans(min(CENTRES, len(near)), n_init=1, random_state=seed).fit(near)  # pyright: ignore[reportArgumentType]
    means = np.asarray(fitted.cluster_centers_, dtype=np.float64)
    first = Novelty(scale, 2.0 * means.T, (means**2).sum(axis=1)[None, :])
    limit = float(np.quantile(first.value(NUMPY, parameters), 1.0 - SHARE_BEYOND))
    # Squared lengths are divided by the limit, so lengths by its root.
    root = np.sqrt(max(limit, 1e-9))
    return Novelty(scale / root, first.centres / root, first.offsets / root**2)
