"""What happens when a round closes: answers in, the next global tensors and figures out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroscale_federation.domain import linear, residuals
from astroscale_federation.domain.design import GROUPS, WEIGHTS
from astroscale_federation.domain.moments import Moments, Scaling, pool
from astroscale_federation.domain.updates import Answer, Tensors
from astroscale_federation.messages import Phase, Plan


@dataclass(frozen=True, slots=True)
class Outcome:
    """The global tensors after a round, and figures of the base model by name."""

    tensors: dict[str, NDArray[Any]]
    figures: dict[str, float]


class NotEnoughStarsError(Exception):
    """The stars kept aside are too few for an interval."""


def schedule_of(plan: Plan) -> linear.Schedule:
    """The training part of a plan."""
    return linear.Schedule(plan.ridge, plan.epochs, plan.step)


def scaling_of(tensors: Tensors) -> Scaling:
    """The scaling in a federation's tensors."""
    return Scaling(int(tensors["scaling_rows"][0]), tensors["mean"], tensors["scale"], tensors["gram"])


def close(phase: Phase, plan: Plan, base: Tensors, answers: Mapping[str, Answer]) -> Outcome:
    """Aggregate the answers of one round; it does not depend on their order.

    Raises NotEnoughStarsError where the calibration has too few stars.
    """
    if phase == "moments":
        return _pool(answers)
    figures = _validation({name: one.tensors["validation"] for name, one in answers.items()})
    if phase == "train":
        local = {name: linear.Local(one.participant.rows, one.tensors["weights"]) for name, one in answers.items()}
        scaling = scaling_of(base)
        weights = linear.average(base["weights"], local, scaling.rows, schedule_of(plan))
        return Outcome({**base, "weights": weights}, figures)
    counts: NDArray[np.int64] = np.stack([answers[name].tensors["counts"] for name in sorted(answers)]).sum(axis=0)
    try:
        offsets = residuals.table(counts[0])
    except ValueError as error:
        raise NotEnoughStarsError(str(error)) from error
    for group, name in enumerate(GROUPS):
        rows = int(counts[1, group].sum())
        if rows:
            figures[f"test_rows/{name}"] = rows
            figures[f"coverage/{name}"] = residuals.coverage(counts[1, group], offsets[group])
    return Outcome({**base, "offsets": offsets}, figures)


def _pool(answers: Mapping[str, Answer]) -> Outcome:
    scaling = pool(
        {
            name: Moments(one.participant.rows, one.tensors["sums"], one.tensors["squares"])
            for name, one in answers.items()
        }
    )
    return Outcome(
        {
            "scaling_rows": np.array([scaling.rows], dtype=np.int64),
            "mean": scaling.mean,
            "scale": scaling.scale,
            "gram": scaling.gram,
            "weights": np.zeros(WEIGHTS),
        },
        {},
    )


def _validation(sums: Mapping[str, NDArray[np.float64]]) -> dict[str, float]:
    """R2 and root mean square error (km/s) of the base model on the stars kept aside, over all and by archive."""
    total = np.zeros(4)
    figures: dict[str, float] = {}
    for name in sorted(sums):
        total = total + sums[name]
        _add(figures, sums[name], f"/{name}")
    _add(figures, total, "")
    return figures


def _add(figures: dict[str, float], sums: NDArray[np.float64], suffix: str) -> None:
    rows, first, second, residual = (float(one) for one in sums)
    spread = second - first * first / rows if rows > 1 else 0.0
    if spread > 0:
        figures[f"r2{suffix}"] = 1.0 - residual / spread
        figures[f"rmse_kms{suffix}"] = float(np.sqrt(max(residual, 0.0) / rows))
        figures[f"rows{suffix}"] = rows
