"""What a valid answer holds in each phase, and the check of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from astroscale_federation.domain import residuals
from astroscale_federation.domain.design import GROUPS, INPUTS, WEIGHTS
from astroscale_federation.messages import Participant, Phase, Update

Tensors = Mapping[str, NDArray[Any]]
Shape = tuple[DTypeLike, tuple[int, ...]]

_VALIDATION: Final[Shape] = (np.float64, (4,))
"""Of the stars that are kept aside: count, sum and sum of squares of the velocity, sum of squared residuals."""

EXPECTED: Final[Mapping[Phase, Mapping[str, Shape]]] = {
    "moments": {"sums": (np.float64, (INPUTS,)), "squares": (np.float64, (INPUTS, INPUTS))},
    "train": {"weights": (np.float64, (WEIGHTS,)), "validation": _VALIDATION},
    "calibrate": {
        # Two sets of kept-aside stars: one to calibrate with, one to see how often the interval holds.
        "counts": (np.int64, (2, len(GROUPS), residuals.BINS)),
        "validation": _VALIDATION,
    },
}


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an answer does not count."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that counts."""

    participant: Participant
    tensors: Tensors


def check(update: Update, tensors: Tensors) -> Refused | None:
    """None where the tensors are what the phase asks for: names, types, shapes, finite values, no negative count."""
    expected = EXPECTED[update.phase]
    if set(tensors) != set(expected):
        return Refused("wrong_shape", f"tensors {sorted(tensors)} instead of {sorted(expected)}")
    for name, (dtype, shape) in expected.items():
        one = tensors[name]
        if one.dtype != dtype or one.shape != shape:
            return Refused("wrong_shape", f"{name} is {one.dtype}{list(one.shape)} instead of {dtype}{list(shape)}")
        if one.dtype.kind == "f" and not np.isfinite(one).all():
            return Refused("not_finite", f"{name} holds {int((~np.isfinite(one)).sum())} values that are not finite")
        if one.dtype.kind == "i" and (one < 0).any():
            return Refused("negative_count", f"{name} holds a negative count")
    return None
