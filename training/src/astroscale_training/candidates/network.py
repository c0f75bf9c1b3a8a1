"""A small neural network, three times, on the parameters and velocities of `kinematics`."""

import warnings
from typing import Final

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from astroscale_training.candidates.base import Candidate, Floats, Predict, Sample
from astroscale_training.settings import TrainingSettings

NETWORKS: Final = 3
_EPOCHS: Final = 60


def fit(sample: Sample, settings: TrainingSettings) -> Predict:
    """See `Candidate`. Each network stops where a tenth of the sample, left out for this, no longer improves."""
    scaler = StandardScaler().fit(_inputs(sample))
    inputs = _bounded(scaler, sample)
    middle, spread = float(sample.velocity.mean()), float(sample.velocity.std())
    networks = [
        MLPRegressor(
            hidden_layer_sizes=(48, 24),
            alpha=1e-2,
            batch_size=min(256, len(sample) // 2),  # pyright: ignore[reportArgumentType]
            learning_rate_init=2e-3,
            max_iter=_EPOCHS,
            early_stopping=True,
            n_iter_no_change=8,
            random_state=settings.seed * NETWORKS + number,
        )
        for number in range(NETWORKS)
    ]
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # Ending at the last epoch is as good as ending before it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for network in networks:
            network.fit(inputs, (sample.velocity - middle) / spread)

    def predict(stars: Sample) -> Floats:
        given = _bounded(scaler, stars)
        said = np.column_stack([np.asarray(network.predict(given), dtype=np.float64) for network in networks])
        return middle + spread * said.mean(axis=1)

    return predict


def _inputs(stars: Sample) -> Floats:
    of = stars.kinematics
    return np.concatenate([of.parameters, of.basis], axis=1)


def _bounded(scaler: StandardScaler, stars: Sample) -> Floats:
    """A network is a stranger to what lies far outside; five deviations are enough to say so."""
    return np.clip(scaler.transform(_inputs(stars)), -5.0, 5.0)


CANDIDATE = Candidate("neural network", fit)
