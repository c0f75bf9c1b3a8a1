"""What a candidate is given, and what it must do."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from astroscale_shared.stars.columns import INPUTS
from numpy.typing import NDArray

from astroscale_training.features import Rows
from astroscale_training.kinematics import Kinematics, kinematics
from astroscale_training.ops import NUMPY
from astroscale_training.prepare import TrainingStars
from astroscale_training.settings import TrainingSettings

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sample:
    """N stars to learn from or to predict.

    raw: float64 [N, 9], `columns.INPUTS` as observed, NaN where missing. rows: each star as it is, in order, then copies
    with inputs taken away. velocity: float64 [N], km/s; a prediction must not look at it. survey, table: object [N] of
    str. clean: bool [N]. same_star: int [N].
    """

    raw: Floats
    rows: Rows
    velocity: Floats
    survey: NDArray[np.object_]
    table: NDArray[np.object_]
    clean: Mask
    same_star: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.velocity)

    @property
    def features(self) -> NDArray[np.float32]:
        """float32 [N, F]: the stars as they are, encoded."""
        return self.rows.features[: len(self)]

    @property
    def kinematics(self) -> Kinematics:
        """Of the stars as they are."""
        return kinematics(NUMPY, self.features.astype(np.float64))

    def take(self, stars: Mask) -> "Sample":
        """Those stars and their copies; stars: bool [N]."""
        taken = self.rows.take(stars[self.rows.star])
        taken = replace(taken, star=(np.cumsum(stars) - 1)[taken.star])
        parts = (self.velocity, self.survey, self.table, self.clean, self.same_star)
        return Sample(self.raw[stars], taken, *(part[stars] for part in parts))  # pyright: ignore[reportArgumentType]


def sample_of(data: TrainingStars, rows: Rows) -> Sample:
    """All training stars, with the rows that `features.training_rows` made of them."""
    raw = np.column_stack([data.stars.numeric[c.name] for c in INPUTS])
    return Sample(raw, rows, data.velocity, data.survey, data.table, data.clean, data.same_star)


Predict = Callable[[Sample], Floats]
"""float64 [N], km/s."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to predict velocities.

    ships: whether the product could serve it (it never knows a survey's name). alone: fitted on each table by itself.
    """

    name: str
    fit: Callable[[Sample, TrainingSettings], Predict]
    ships: bool = True
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Stack:
    """A weighted sum of other candidates, named in `parts`.

    weigh: weights float64 [len(parts)], learnt on a training sample by fits of the parts on some of it.
    """

    name: str
    parts: tuple[Candidate, ...]
    weigh: Callable[[tuple[Candidate, ...], Sample, TrainingSettings], Floats]
