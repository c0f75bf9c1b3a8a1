"""The gradient boosting of the original system: 300 trees of depth 4 on the raw columns, scaled, fitted table by table.

What is missing gets the column's median, as there.
"""

from typing import Final

import numpy as np
from astroscale_shared.stars.columns import INPUTS
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.preprocessing import StandardScaler

from astroscale_training.candidates.base import Candidate, Floats, Predict, Sample
from astroscale_training.settings import TrainingSettings

SEVEN: Final = [[c.name for c in INPUTS].index(n) for n in ("ra", "dec", "teff", "logg", "fe_h", "snr", "parallax")]


def fit(sample: Sample, settings: TrainingSettings) -> Predict:
    """See `Candidate`."""
    raw = sample.raw[:, SEVEN]
    there = ~np.isnan(raw)
    median = np.array([np.median(c[known]) if known.any() else 0.0 for c, known in zip(raw.T, there.T, strict=True)])

    def filled(stars: Sample) -> Floats:
        values = stars.raw[:, SEVEN]
        return np.where(np.isnan(values), median, values)

    scaler = StandardScaler().fit(filled(sample))
    model = GradientBoostingRegressor(n_estimators=300, max_depth=4, random_state=settings.seed)
    model.fit(scaler.transform(filled(sample)), sample.velocity)
    return lambda stars: np.asarray(model.predict(scaler.transform(filled(stars))), dtype=np.float64)


CANDIDATE = Candidate("original boosting", fit, alone=True)
