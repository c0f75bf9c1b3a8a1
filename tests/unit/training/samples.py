"""Simulated stars as candidates see them."""

import numpy as np
from astroscale_shared.stars.observations import from_columns
from astroscale_training.candidates.base import Sample, sample_of
from astroscale_training.features import training_rows
from astroscale_training.prepare import TrainingStars, same_star
from astroscale_training.simulate import simulate


def training_stars(rows: int = 500, seed: int = 3) -> TrainingStars:
    """Half of the stars in each of two tables; every third star is clean, every fifth lost its metallicity."""
    columns, number = simulate(rows, seed), np.arange(rows)
    stars = from_columns(columns | {"fe_h": np.where(number % 5 == 0, np.nan, columns["fe_h"])})
    table = np.where(number % 2 == 0, "even.csv", "odd.csv").astype(np.object_)
    return TrainingStars(
        stars=stars,
        velocity=stars.numeric["rv_kms"],
        survey=np.where(number % 2 == 0, "A", "B").astype(np.object_),
        table=table,
        clean=number % 3 == 0,
        same_star=same_star(stars),
        files=(),
        cuts=(),
    )


def sample(rows: int = 500, seed: int = 3) -> Sample:
    """Those stars and one copy of each with inputs taken away."""
    data = training_stars(rows, seed)
    return sample_of(data, training_rows(data.stars, data.same_star, 1, 0))
