"""A candidate beside the model in service: the same rows, both answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from astroscale_inference.domain.model import Model, Scores, fit
from astroscale_inference.domain.scored import ScoredRows
from astroscale_inference.domain.statistics import Filled, fill, inside

DIFFERENCE_EDGES: Final = np.array([0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0])


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: the sum of its 90 % intervals' widths over all rows, and on the rows with a measured velocity how
    many each interval holds and the sum of |predicted - measured|; km/s."""

    width: float
    inside: dict[str, int]
    error: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """rows: those that both gave an answer for. unfit: those for which the candidate gave none. difference: of
    |candidate - current|; up and down: the sums of its positive and negative parts; km/s."""

    rows: int
    unfit: int
    difference: Filled
    up: float
    down: float
    measured: int
    current: Side
    candidate: Side


def compare(candidate: Model, parts: Sequence[ScoredRows]) -> Comparison:
    """Score all rows of all parts (at least one) with a candidate, and say how it differs from what was published."""
    features = np.concatenate([part.features for part in parts])
    measured = np.concatenate([part.measured for part in parts])
    value = np.concatenate([part.scores.value for part in parts])
    quantiles = np.concatenate([part.scores.quantiles for part in parts])
    scores = candidate.score(features)
    good = fit(scores)[0]
    known = good & np.isfinite(measured)
    change = (scores.value - value)[good].astype(np.float64)
    return Comparison(
        rows=int(np.count_nonzero(good)),
        unfit=int(np.count_nonzero(~good)),
        difference=fill(DIFFERENCE_EDGES, np.abs(change)),
        up=float(change[change > 0].sum()),
        down=float(-change[change < 0].sum()),
        measured=int(np.count_nonzero(known)),
        current=_side(Scores(value, quantiles), measured, good, known),
        candidate=_side(scores, measured, good, known),
    )


def _side(scores: Scores, measured: NDArray[np.float64], good: NDArray[np.bool_], known: NDArray[np.bool_]) -> Side:
    q = scores.quantiles
    return Side(
        width=float((q[good, 4] - q[good, 0]).sum(dtype=np.float64)),
        inside=inside(q[known], measured[known]),
        error=float(np.abs(scores.value[known] - measured[known]).sum()),
    )
