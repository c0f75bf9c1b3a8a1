"""What the shipped recipe is compared with: one file for each candidate, on a common base.

Nothing here is shipped. A candidate is fitted on the training folds of all tables together and predicts held-out stars as
they were observed; see `astroscale_training.compare`.
"""

from typing import Final

from astroscale_training.candidates import (
    constant,
    kinematic_boosting,
    kinematic_linear,
    network,
    original,
    recipe,
    stacked,
    survey_mean,
    trees,
)
from astroscale_training.candidates.base import Candidate, Stack

CANDIDATES: Final[tuple[Candidate, ...]] = (
    constant.CANDIDATE,
    survey_mean.CANDIDATE,
    kinematic_linear.CANDIDATE,
    original.CANDIDATE,
    trees.RAW,
    trees.ENCODED,
    recipe.CANDIDATE,
    kinematic_boosting.CANDIDATE,
    network.CANDIDATE,
)
"""In the declared order of complexity, the simplest first. Kinematic regression comes before what is boosted: it is one
linear fit in closed form."""

STACK: Final[Stack] = stacked.STACK
"""The most complex: it needs several of the others to run."""
