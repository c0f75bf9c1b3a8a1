"""FedAvg of a ridge regression.

Each worker takes a few preconditioned gradient steps from the global weights on its own stars; the coordinator averages
where they ended, and goes on in that direction by the inverse of how far a few small steps can reach (the server's step
of Reddi et al. 2021, "Adaptive Federated Optimization", with plain averaging). Small local steps keep the archives from
drifting to their own optimum; the pooled second moments as preconditioner make the few rounds enough.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from astroscale_federation.domain.moments import Scaling


@dataclass(frozen=True, slots=True)
class Schedule:
    """ridge: penalty on the weights of standardised inputs (not on the bias). epochs: local steps a round over all
    stars. step: size of each."""

    ridge: float
    epochs: int
    step: float


@dataclass(frozen=True, slots=True)
class Local:
    """Where a worker ended, float64 [P + 1], from how many stars."""

    rows: int
    weights: NDArray[np.float64]


def _penalty(size: int, ridge: float) -> NDArray[np.float64]:
    diagonal = np.full(size, ridge)
    diagonal[-1] = 0.0
    return np.diag(diagonal)


def train(
    weights: NDArray[np.float64],
    standardised: NDArray[np.float64],
    velocity: NDArray[np.float64],
    scaling: Scaling,
    schedule: Schedule,
) -> NDArray[np.float64]:
    """The weights [P + 1] after `schedule.epochs` steps on stars [N, P + 1] of radial velocity [N] (km/s).

    The step is made smaller where this archive is more curved than its share of the pooled stars allows: it then was
    not among those whose moments were pooled.
    """
    rows = len(velocity)
    penalty = _penalty(len(weights), schedule.ridge)
    hessian = standardised.T @ standardised / rows + penalty
    target = standardised.T @ velocity / rows
    precondition = np.linalg.inv(scaling.gram + penalty)
    root = np.linalg.cholesky(precondition)
    curvature = float(np.linalg.eigvalsh(root.T @ hessian @ root)[-1])
    step = schedule.step * min(1.0, scaling.rows / (rows * curvature))
    local = weights.copy()
    for _ in range(schedule.epochs):
        local = local - step * (precondition @ (hessian @ local - target))
    return local


def average(
    weights: NDArray[np.float64], updates: Mapping[str, Local], pooled_rows: int, schedule: Schedule
) -> NDArray[np.float64]:
    """The next global weights [P + 1], from those that answered, added in float64 in the order of the workers' names.

    Rows are the weights of the mean. The share of pooled stars whose archive did not answer stays where it was:
    without it the step would be too long for the curvature that is left.
    """
    total = np.zeros_like(weights)
    rows = 0
    for name in sorted(updates):
        total = total + updates[name].rows * (updates[name].weights - weights)
        rows += updates[name].rows
    return weights + total / (schedule.epochs * schedule.step * max(rows, pooled_rows))


def predict(weights: NDArray[np.float64], standardised: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radial velocity (km/s) [N] of standardised stars [N, P + 1]."""
    return standardised @ weights
