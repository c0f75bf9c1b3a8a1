"""scikit-learn's histogram boosting, on the raw columns and on the encoded tensor."""

import numpy as np

from astroscale_training.candidates.base import Candidate, Predict, Sample
from astroscale_training.candidates.search import searched_trees
from astroscale_training.settings import TrainingSettings


def fit_raw(sample: Sample, settings: TrainingSettings) -> Predict:
    """On the nine inputs as observed."""
    trees = searched_trees(sample, sample.raw, sample.velocity, np.ones(len(sample)), settings.seed)
    return lambda stars: trees(stars.raw)


def fit_encoded(sample: Sample, settings: TrainingSettings) -> Predict:
    """On the encoded tensor, which has the star's place in the Galaxy."""
    trees = searched_trees(sample, sample.features, sample.velocity, np.ones(len(sample)), settings.seed)
    return lambda stars: trees(stars.features)


RAW = Candidate("HistGB, raw columns", fit_raw)
ENCODED = Candidate("HistGB, encoded", fit_encoded)
