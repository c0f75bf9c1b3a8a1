"""The mean of each survey: it knows nothing of a star but who observed it, and shows how little an R2 in all can mean."""

import numpy as np

from astroscale_training.candidates.base import Candidate, Predict, Sample
from astroscale_training.settings import TrainingSettings


def fit(sample: Sample, settings: TrainingSettings) -> Predict:  # noqa: ARG001 - what every candidate takes
    """See `Candidate`; a survey that was not seen gets the mean of all."""
    means = {name: float(sample.velocity[sample.survey == name].mean()) for name in set(sample.survey.tolist())}
    everyone = float(sample.velocity.mean())
    return lambda stars: np.array([means.get(name, everyone) for name in stars.survey.tolist()])


CANDIDATE = Candidate("survey mean", fit, ships=False)
