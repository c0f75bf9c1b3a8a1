"""The linear kinematic model, and boosted trees on what it leaves."""

from astroscale_training.candidates.base import Candidate, Predict, Sample
from astroscale_training.candidates.kinematic_linear import fit_linear
from astroscale_training.candidates.search import searched_trees
from astroscale_training.settings import TrainingSettings


def fit(sample: Sample, settings: TrainingSettings) -> Predict:
    """See `Candidate`. So few coefficients leave in-sample residuals that are as good as held-out ones."""
    linear, weight = fit_linear(sample)
    residual = sample.velocity - linear(sample.kinematics)
    trees = searched_trees(sample, sample.features, residual, weight, settings.seed)
    return lambda stars: linear(stars.kinematics) + trees(stars.features)


CANDIDATE = Candidate("kinematic + boosting", fit)
