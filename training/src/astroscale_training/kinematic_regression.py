"""Kinematic regression: Galactic kinematics whose coefficients are smooth functions of what a star is.

The velocity is a sum over the basis of `kinematics` (the Sun's reflex, rotation, the populations' conditional means),
each term times a coefficient that is itself a Gaussian process in the star's metallicity, temperature, place and so on.
The process is approximated by random Fourier features (Rahimi & Recht 2007, NIPS 20), so that the fit is one ridge
regression and a prediction two small matrix products. Several views, which look at the parameters through different
length scales, are averaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.blas import ssyrk  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]
from threadpoolctl import threadpool_limits

from astroscale_training.kinematics import BASIS, PARAMETERS, Kinematics
from astroscale_training.ops import NUMPY, Array, Ops, Tensor

ROBUST: Final = 4.0
"""A residual of this many scales counts half: a binary, or a velocity that is not the star's, should not bend the fit."""

RIDGES: Final = (0.25, 0.5, 1.0, 2.0)
"""What `searched_ridge` chooses from: added to the Gram matrix of rows of mean weight 1. A smaller one gains nothing among
the stars it learns from, and loses where a whole cell of the sky is left out."""

_CHUNK: Final = 8_192


@dataclass(frozen=True, slots=True)
class View:
    """Inverse length scales of the groups of parameters, in units of the encoding."""

    fe_h: float
    spectrum: float
    snr: float
    place: float
    missing: float
    odd: float
    tangential: float

    def scales(self) -> Array:
        """float64 [1, len(PARAMETERS)]."""
        s, p, m = self.spectrum, self.place, self.missing
        row = [self.fe_h, s, 1.2 * s, self.snr, p, 0.5 * p, p, *([m] * 6)]
        row += [self.odd] * 3 + [self.tangential] * 3
        assert len(row) == len(PARAMETERS)  # noqa: S101 - one for each
        return np.array([row])


VIEWS: Final = (
    View(fe_h=0.53, spectrum=0.13, snr=0.08, place=0.60, missing=1.0, odd=0.12, tangential=0.1),
    View(fe_h=0.83, spectrum=0.23, snr=0.08, place=0.40, missing=1.0, odd=0.25, tangential=0.1),
    View(fe_h=0.23, spectrum=0.33, snr=0.08, place=0.25, missing=1.0, odd=0.17, tangential=0.25),
    View(fe_h=0.50, spectrum=0.50, snr=0.12, place=0.45, missing=1.0, odd=0.20, tangential=0.1),
)


@dataclass(frozen=True, slots=True)
class KinematicRegression:
    """frequencies: [P, K], phases: [1, K], coefficients: [K, B], constants: [1, B]; the value is in km/s.

    ridge: with which it was fitted.
    """

    frequencies: Array
    phases: Array
    coefficients: Array
    constants: Array
    ridge: float

    def value(self, ops: Ops, of: Kinematics) -> Tensor:
        """[N, 1], km/s. The waves are many, and bounded: in single precision their sum is good to 1e-4 km/s."""
        waves = ops.cos(ops.matmul(ops.single(of.parameters), self.frequencies) + self.phases.astype(np.float32))
        coefficients = ops.double(ops.matmul(waves, self.coefficients)) + self.constants
        return ops.sum_columns(coefficients * of.basis)

    def predict(self, of: Kinematics) -> Array:
        """float64 [N], km/s."""
        parts = range(0, len(of.basis), _CHUNK)
        out = [self.value(NUMPY, of.take(slice(i, i + _CHUNK))) for i in parts]
        return np.concatenate(out)[:, 0] if out else np.empty(0)


def fit_kinematic(
    of: Kinematics,
    velocity: Array,
    weight: Array,
    *,
    views: Sequence[View] = VIEWS,
    waves: int,
    seed: int,
    ridge: float = 0.5,
) -> KinematicRegression:
    """Least squares with a ridge, on velocity float64 [N] km/s with weights float64 [N]; each view has `waves` waves.

    One thread: sums over threads would round differently with their number.
    """
    fits: list[KinematicRegression] = []
    for number, view in enumerate(views):
        waves_of_view = _waves(view, waves, np.random.default_rng([seed, number]))
        with threadpool_limits(limits=1):
            fits.append(_solved(waves_of_view, _sums(of, velocity, weight, waves_of_view), ridge))
    return KinematicRegression(
        np.concatenate([f.frequencies for f in fits], axis=1),
        np.concatenate([f.phases for f in fits], axis=1),
        np.concatenate([f.coefficients for f in fits]) / len(fits),
        sum(f.constants for f in fits) / len(fits),  # pyright: ignore[reportArgumentType]
        ridge,
    )


def searched_ridge(
    of: Kinematics, velocity: Array, weight: Array, kept: NDArray[np.bool_], *, waves: int, seed: int
) -> float:
    """The largest ridge with which a small fit of `kept` (bool [N]) predicts the other rows, by weighted squares, as well
    as with the best one within a standard error of the difference (Breiman et al. 1984, CART, section 3.4.3).

    Rows left out lie among those that are kept. Where a fit has to reach further, a little more ridge is the safer side.
    """
    small, asked = _waves(VIEWS[0], waves, np.random.default_rng([seed, 0])), of.take(~kept)

    def losses(ridge: float) -> Array:
        residual = velocity[~kept] - _solved(small, sums, ridge).predict(asked)
        return weight[~kept] * residual**2

    with threadpool_limits(limits=1):
        sums = _sums(of.take(kept), velocity[kept], weight[kept], small)
        by_ridge = {ridge: losses(ridge) for ridge in RIDGES}
    best = by_ridge[min(RIDGES, key=lambda ridge: float(by_ridge[ridge].mean()))]
    return max(ridge for ridge in RIDGES if _no_worse(by_ridge[ridge] - best))


def _no_worse(more: Array) -> bool:
    """Whether the mean of differences float64 [M] is above zero by no more than its standard error."""
    return float(more.mean()) <= float(more.std()) / max(len(more), 1) ** 0.5


@dataclass(frozen=True, slots=True)
class _Waves:
    frequencies: Array
    phases: Array
    amplitude: float


def _waves(view: View, waves: int, rng: np.random.Generator) -> _Waves:
    shape = (len(PARAMETERS), waves)
    frequencies = rng.standard_normal(shape) * rng.choice([0.5, 1.0, 2.0], waves) * (rng.random(shape) < 0.6)
    return _Waves(frequencies * view.scales().T, rng.uniform(0.0, 2.0 * np.pi, (1, waves)), (2.0 / waves) ** 0.5)


def _sums(of: Kinematics, velocity: Array, weight: Array, waves: _Waves) -> tuple[Array, Array]:
    """Gram matrix (its upper triangle) and moments of the design; unknowns are ordered by term, then by wave."""
    width = (waves.frequencies.shape[1] + 1) * len(BASIS)
    gram, moment = np.zeros((width, width)), np.zeros(width)
    root = np.sqrt(weight / weight.mean())[:, None]
    for i in range(0, len(velocity), _CHUNK):
        part = slice(i, i + _CHUNK)
        cosines = np.cos(of.parameters[part] @ waves.frequencies + waves.phases) * waves.amplitude
        phi = np.hstack([np.ones((len(cosines), 1)), cosines]) * root[part]
        # Single precision: a sum over a chunk is good to 1e-6 of it, far below the ridge, and takes half the time.
        design = (of.basis[part][:, :, None] * phi[:, None, :]).reshape(len(phi), -1).astype(np.float32)
        gram += ssyrk(1.0, design.T)
        moment += design.T @ (velocity[part] * root[part][:, 0]).astype(np.float32)
    return gram, moment


def _solved(waves: _Waves, sums: tuple[Array, Array], ridge: float) -> KinematicRegression:
    gram, moment = sums[0].copy(), sums[1]
    gram[np.diag_indices_from(gram)] += ridge
    solution = cho_solve(cho_factor(gram, lower=False, overwrite_a=True), moment).reshape(len(BASIS), -1).T
    return KinematicRegression(waves.frequencies, waves.phases, solution[1:] * waves.amplitude, solution[:1], ridge)


def robust_weights(residual: Array, scale: Array) -> Array:
    """float64 [N]: less for stars whose velocity scatters more (scale, km/s), and for those far off the last fit."""
    return 1.0 / scale / (1.0 + (residual / (ROBUST * scale)) ** 2)
