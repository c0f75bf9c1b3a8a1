"""A small model of 600 simulated stars, fitted once."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from astroscale_shared.registry import ModelCard, Parity
from astroscale_training.card import build_card
from astroscale_training.export import export
from astroscale_training.features import Rows, training_rows
from astroscale_training.fit import HeldOut, fit_model
from astroscale_training.folds import shuffled_folds
from astroscale_training.judge import Judgement, judge
from astroscale_training.model import Model
from astroscale_training.prepare import TrainingStars, prepare
from astroscale_training.settings import TrainingSettings
from astroscale_training.simulate import simulate, write_csv
from astroscale_training.tables import read_folder
from numpy.typing import NDArray

OF_TABLES: dict[str, Any] = {"notes": ["mock.csv: ra was in radian"], "zero_points": []}


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
    rows = training_rows(data.stars, data.same_star, small.masked_copies, small.seed)
    fold = shuffled_folds(data.same_star, small.folds, 0)
    model, held = fit_model(rows, data.velocity, data.survey, fold, small)
    assert np.isfinite(held.quantiles).all()
    return Fitted(data, rows, fold, model, held, export(model, small.normalization))


@pytest.fixture(scope="session")
def judged(fitted: Fitted, small: TrainingSettings) -> Judgement:
    steps: list[str] = []
    out = judge(
        fitted.data, fitted.rows, fitted.model, fitted.held, fitted.fold, small, OF_TABLES, steps.append, compare=False
    )
    assert len(steps) == 2
    return out


@pytest.fixture(scope="session")
def card(fitted: Fitted, small: TrainingSettings, judged: Judgement) -> ModelCard:
    parity = Parity(rows=20_000, max_error_kms=1e-5, tolerance_kms=1e-3, passed=True)
    natural = fitted.rows.features[: len(fitted.data)]
    return build_card(fitted.data, natural, small, parity, judged, datetime(2025, 1, 2, tzinfo=UTC), OF_TABLES)
