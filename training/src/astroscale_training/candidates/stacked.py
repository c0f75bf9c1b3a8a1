"""A stacked ensemble: the best kinds together, with weights that are not negative."""

from typing import Final

import numpy as np
from scipy.optimize import nnls

from astroscale_training.candidates import kinematic_boosting, kinematic_linear, network, recipe
from astroscale_training.candidates.base import Candidate, Floats, Sample, Stack
from astroscale_training.folds import learning_share
from astroscale_training.settings import TrainingSettings

_LEARNT_FROM: Final = 0.7


def weigh(parts: tuple[Candidate, ...], sample: Sample, settings: TrainingSettings) -> Floats:
    """See `Stack`: the parts are fitted on some of the sample, and least squares on the rest weighs them.

    Stars whose velocities scatter less count more: by the spread of their table.
    """
    kept = learning_share(sample.same_star, _LEARNT_FROM, settings.seed + 1)
    learning, judging = sample.take(kept), sample.take(~kept)
    said = np.column_stack([part.fit(learning, settings)(judging) for part in parts])
    tables, of_star = np.unique(judging.table.astype(str), return_inverse=True)
    spread = np.array([judging.velocity[of_star == t].std() for t in range(len(tables))])[of_star]
    weights, _ = nnls(said / spread[:, None], judging.velocity / spread)
    return np.asarray(weights, dtype=np.float64)


STACK = Stack(
    "stacked ensemble",
    (
        kinematic_linear.CANDIDATE,
        recipe.CANDIDATE,
        kinematic_boosting.CANDIDATE,
        network.CANDIDATE,
    ),
    weigh,
)
