"""A small model of 600 simulated stars, fitted once."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from astroscale_training.export import export
from astroscale_training.features import Rows, training_rows
from astroscale_training.fit import HeldOut, fit_model
from astroscale_training.folds import shuffled_folds
from astroscale_training.model import Model
from astroscale_training.prepare import TrainingStars, prepare
from astroscale_training.settings import TrainingSettings
from astroscale_training.simulate import simulate, write_csv
from astroscale_training.tables import read_folder
from numpy.typing import NDArray


class Fitted(NamedTuple):
    """What a small training run makes."""

    data: TrainingStars
    rows: Rows
    fold: NDArray[np.intp]
    model: Model
    held: HeldOut
    onnx: bytes


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    write_csv(simulate(600, seed=11), folder / "mock.csv")
    return folder


@pytest.fixture(scope="session")
def small(tables: Path) -> TrainingSettings:
    return TrainingSettings(
        data=tables, folds=2, masked_copies=2, waves=16, workers=1, scale_trees=10, scale_leaves=4, bins=16
    )


@pytest.fixture(scope="session")
def fitted(small: TrainingSettings) -> Fitted:
    data = prepare(read_folder(small.data))
    rows = training_rows(data.stars, small.masked_copies, small.seed)
    fold = shuffled_folds(data.same_star, small.folds, 0)
    model, held = fit_model(rows, data.velocity, data.survey, fold, small)
    assert np.isfinite(held.quantiles).all()
    return Fitted(data, rows, fold, model, held, export(model, small.normalization))
