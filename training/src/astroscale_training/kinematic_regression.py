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
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.blas import ssyrk  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]
from threadpoolctl import threadpool_limits

from astroscale_training.kinematics import BASIS, PARAMETERS, Kinematics
from astroscale_training.ops import NUMPY, Array, Ops, Tensor

ROBUST: Final = 4.0
"""A residual of this many scales counts half: a binary, or a velocity that is not the star's, should not bend the fit."""

_CHUNK: Final = 8_192


@dataclass(frozen=True, slots=True)
class View:
    """Inverse length scales of the groups of parameters, in units of the encoding, and the strength of the ridge."""

    fe_h: float
    spectrum: float
    snr: float
    place: float
    missing: float
    odd: float
    tangential: float
    ridge: float = 1.0

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
    """frequencies: [P, K], phases: [1, K], coefficients: [K, B], constants: [1, B]; the value is in km/s."""

    frequencies: Array
    phases: Array
    coefficients: Array
    constants: Array

    def value(self, ops: Ops, of: Kinematics) -> Tensor:
        """[N, 1], km/s. The waves are many, and bounded: in single precision their sum is good to 1e-4 km/s."""
        waves = ops.cos(ops.matmul(ops.single(of.parameters), self.frequencies) + self.phases.astype(np.float32))
        coefficients = ops.double(ops.matmul(waves, self.coefficients)) + self.constants
        return ops.sum_columns(coefficients * of.basis)

    def predict(self, of: Kinematics) -> Array:
        """float64 [N], km/s."""
        parts = range(0, len(of.basis), _CHUNK)
        out = [self.value(NUMPY, Kinematics(of.parameters[i : i + _CHUNK], of.basis[i : i + _CHUNK])) for i in parts]
        return np.concatenate(out)[:, 0] if out else np.empty(0)


def fit_kinematic(
    of: Kinematics, velocity: Array, weight: Array, *, views: Sequence[View] = VIEWS, waves: int, seed: int
) -> KinematicRegression:
    """Least squares with a ridge, on velocity float64 [N] km/s with weights float64 [N]; each view has `waves` waves.

    One thread: sums over threads would round differently with their number.
    """
    weight = weight / weight.mean()
    fits: list[KinematicRegression] = []
    for number, view in enumerate(views):
        rng = np.random.default_rng([seed, number])
        shape = (len(PARAMETERS), waves)
        frequencies = rng.standard_normal(shape) * rng.choice([0.5, 1.0, 2.0], waves) * (rng.random(shape) < 0.6)
        frequencies *= view.scales().T
        phases = rng.uniform(0.0, 2.0 * np.pi, (1, waves))
        with threadpool_limits(limits=1):
            solution = _solve(of, velocity, weight, frequencies, phases, view.ridge)
        fits.append(KinematicRegression(frequencies, phases, solution[1:], solution[:1]))
    return KinematicRegression(
        np.concatenate([f.frequencies for f in fits], axis=1),
        np.concatenate([f.phases for f in fits], axis=1),
        np.concatenate([f.coefficients for f in fits]) / len(fits),
        sum(f.constants for f in fits) / len(fits),  # pyright: ignore[reportArgumentType]
    )


def _solve(of: Kinematics, velocity: Array, weight: Array, frequencies: Array, phases: Array, ridge: float) -> Array:
    """float64 [1 + waves, B]: constants and coefficients."""
    waves = frequencies.shape[1]
    width, terms = waves + 1, len(BASIS)
    amplitude = np.sqrt(2.0 / waves)
    gram, moment = np.zeros((width * terms, width * terms)), np.zeros(width * terms)
    root = np.sqrt(weight)[:, None]
    for i in range(0, len(velocity), _CHUNK):
        part = slice(i, i + _CHUNK)
        phi = np.ones((len(velocity[part]), width))
        phi[:, 1:] = np.cos(of.parameters[part] @ frequencies + phases) * amplitude
        phi *= root[part]
        # Single precision: a sum over a chunk is good to 1e-6 of it, far below the ridge, and takes half the time.
        design = (of.basis[part][:, :, None] * phi[:, None, :]).reshape(len(phi), -1).astype(np.float32)
        gram += ssyrk(1.0, design.T)  # the upper triangle; the lower stays zero
        moment += design.T @ (velocity[part] * root[part][:, 0]).astype(np.float32)
    gram[np.diag_indices_from(gram)] += ridge
    solution = cho_solve(cho_factor(gram, lower=False, overwrite_a=True), moment).reshape(terms, width).T
    solution[1:] *= amplitude
    return solution


def robust_weights(residual: Array, scale: Array) -> Array:
    """float64 [N]: less for stars whose velocity scatters more (scale, km/s), and for those far off the last fit."""
    return 1.0 / scale / (1.0 + (residual / (ROBUST * scale)) ** 2)
