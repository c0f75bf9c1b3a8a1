"""Kinematic regression: the shipped recipe, with its copies of stars that lost inputs."""

from typing import Final

import numpy as np

from astroscale_training.candidates.base import Candidate, Predict, Sample
from astroscale_training.fit import fit_value, value_weights
from astroscale_training.settings import TrainingSettings

SHIPPED: Final = "kinematic regression"


def fit(sample: Sample, settings: TrainingSettings) -> Predict:
    """See `Candidate`."""
    rows = sample.rows
    model = fit_value(rows.features, sample.velocity[rows.star], value_weights(rows), settings)
    return lambda stars: np.asarray(model.predict(stars.kinematics), dtype=np.float64)


CANDIDATE = Candidate(SHIPPED, fit)
