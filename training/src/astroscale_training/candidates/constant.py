"""The mean of all training stars: R2 is 0 by definition."""

import numpy as np

from astroscale_training.candidates.base import Candidate, Predict, Sample
from astroscale_training.settings import TrainingSettings


def fit(sample: Sample, settings: TrainingSettings) -> Predict:  # noqa: ARG001 - what every candidate takes
    """See `Candidate`."""
    mean = float(sample.velocity.mean())
    return lambda stars: np.full(len(stars), mean)


CANDIDATE = Candidate("constant", fit)
