"""The pooled first and second moments of the inputs: sums, so that they can be added over archives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

MINIMUM_SCALE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Moments:
    """rows: N. sums: float64 [P]. squares: float64 [P, P], the sum of x x' over the rows."""

    rows: int
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scaling:
    """What inputs are standardised by, and their pooled second moments after that.

    rows: how many stars it is from. mean, scale: float64 [P]. gram: float64 [P + 1, P + 1], the mean of z z', where z
    is a standardised star and a constant 1.
    """

    rows: int
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    gram: NDArray[np.float64]


def moments_of(inputs: NDArray[np.float64]) -> Moments:
    """The moments of inputs [N, P]."""
    return Moments(len(inputs), inputs.sum(axis=0), inputs.T @ inputs)


def pool(parts: Mapping[str, Moments]) -> Scaling:
    """The scaling from the moments of all workers, added in the order of their names.

    An input that never varies gets scale 1, so that it stays 0 after standardisation and its weight stays 0 too.
    """
    first = next(iter(parts.values()))
    rows, sums, squares = 0, np.zeros_like(first.sums), np.zeros_like(first.squares)
    for name in sorted(parts):
        rows += parts[name].rows
        sums = sums + parts[name].sums
        squares = squares + parts[name].squares
    mean = sums / rows
    covariance = squares / rows - np.outer(mean, mean)
    scale = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale[scale < MINIMUM_SCALE] = 1.0
    gram = np.zeros((len(mean) + 1, len(mean) + 1))
    gram[:-1, :-1] = covariance / np.outer(scale, scale)
    gram[-1, -1] = 1.0
    return Scaling(rows, mean, scale, gram)


def standardise(inputs: NDArray[np.float64], scaling: Scaling) -> NDArray[np.float64]:
    """float64 [N, P + 1]: standardised inputs [N, P] and the constant 1."""
    return np.column_stack([(inputs - scaling.mean) / scaling.scale, np.ones(len(inputs))])
