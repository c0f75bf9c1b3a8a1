"""What a worker computes from its own stars in each phase; nothing else leaves it."""

from typing import Any

import numpy as np
from astroscale_shared.stars.encoding import encode
from astroscale_shared.stars.observations import Observations
from numpy.typing import NDArray

from astroscale_federation.domain import design, linear, residuals
from astroscale_federation.domain.model import velocity
from astroscale_federation.domain.moments import Scaling, moments_of, standardise
from astroscale_federation.domain.rounds import scaling_of, schedule_of
from astroscale_federation.domain.updates import Tensors
from astroscale_federation.messages import Phase, Plan

CALIBRATE, TEST = 1, 2


class LocalStars:
    """One archive's stars with a measured velocity, encoded, and parted in training, calibration and test.

    inputs: float64 [N, INPUTS] and target: float64 [N] (km/s) of the training stars.
    """

    def __init__(self, stars: Observations) -> None:
        self._features = encode(stars).features
        self._velocity = stars.numeric["rv_kms"]
        self._part = design.parts_of(stars.numeric["ra"], stars.numeric["dec"])
        training = self._part == 0
        self.inputs = design.inputs_of(self._features[training])
        self.target = self._velocity[training]

    @property
    def training_rows(self) -> int:
        """How many stars it trains on."""
        return len(self.target)

    def answer(self, phase: Phase, plan: Plan, base: Tensors) -> dict[str, NDArray[Any]]:
        """The tensors that this phase asks for (see `updates.EXPECTED`), from the global ones."""
        if phase == "moments":
            moments = moments_of(self.inputs)
            return {"sums": moments.sums, "squares": moments.squares}
        scaling, weights = scaling_of(base), base["weights"]
        validation = self.validate(weights, scaling)
        if phase == "train":
            standardised = standardise(self.inputs, scaling)
            trained = linear.train(weights, standardised, self.target, scaling, schedule_of(plan))
            return {"weights": trained, "validation": validation}
        counts = np.stack([self._count(part, weights, scaling) for part in (CALIBRATE, TEST)])
        return {"counts": counts, "validation": validation}

    def validate(self, weights: NDArray[np.float64], scaling: Scaling) -> NDArray[np.float64]:
        """float64 [4] on the stars kept aside: count, sum and sum of squares of the velocity, sum of squared residuals."""
        aside = self._part != 0
        true = self._velocity[aside]
        residual = true - velocity(weights, scaling, self._features[aside])
        return np.array([len(true), true.sum(), (true**2).sum(), (residual**2).sum()], dtype=np.float64)

    def _count(self, part: int, weights: NDArray[np.float64], scaling: Scaling) -> NDArray[np.int64]:
        """int64 [G, BINS]: residuals of the stars of a part, in each group as if they lacked what its stars lack."""
        chosen = self._part == part
        features, true = self._features[chosen], self._velocity[chosen]
        own = design.group_of(features)
        counts: list[NDArray[np.int64]] = []
        for group in range(len(design.GROUPS)):
            fits = (own | group) == group  # a star that lacks more cannot stand for this group
            hidden = design.hide(features[fits], group)
            counts.append(residuals.count(true[fits] - velocity(weights, scaling, hidden)))
        return np.stack(counts)
