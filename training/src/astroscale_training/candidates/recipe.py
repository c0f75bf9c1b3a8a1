"""Kinematic regression: the shipped recipe, with its copies of stars that lost inputs."""

from typing import Final

import numpy as np

from astroscale_training.candidates.base import Candidate, Predict, Sample
from astroscale_training.fit import fit_value
from astroscale_training.settings import TrainingSettings

SHIPPED: Final = "kinematic regression"


def fit(sample: Sample, settings: TrainingSettings) -> Predict:
    """See `Candidate`."""
    model = fit_value(sample.rows, sample.velocity, settings)
    return lambda stars: np.asarray(model.predict(stars.kinematics), dtype=np.float64)


CANDIDATE = Candidate(SHIPPED, fit)
