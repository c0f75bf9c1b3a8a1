"""All that a run finds out about its model on stars held out, for the card."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from astroscale_shared.registry import Calibration, Metric
from numpy.typing import NDArray

from astroscale_training.effects import learn
from astroscale_training.evaluate import Sky, accuracy
from astroscale_training.failures import known_failures
from astroscale_training.features import Rows
from astroscale_training.fit import HeldOut, held_out_values
from astroscale_training.folds import sky_folds
from astroscale_training.intervals import coverage, sharpness
from astroscale_training.kinematics import kinematics
from astroscale_training.model import Model
from astroscale_training.ops import NUMPY
from astroscale_training.prepare import TrainingStars
from astroscale_training.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Judgement:
    """Figures of the card, see `ModelCard`; sky: what the model says of stars whose cell of the sky was held out."""

    metrics: dict[str, Metric]
    calibration: tuple[Calibration, ...]
    known_failures: tuple[str, ...]
    extra: dict[str, Any]
    sky: Sky


def judge(
    data: TrainingStars,
    rows: Rows,
    model: Model,
    held: HeldOut,
    fold: NDArray[np.intp],
    settings: TrainingSettings,
    of_tables: dict[str, Any],
    say: Callable[[str], None],
    *,
    compare: bool,
) -> Judgement:
    """Judge a model on N stars. fold: int [N], of which `held` is. of_tables: what `sources.load` says of them.

    compare: fit the other candidates too, for minutes.
    """
    n = len(data)
    say("holding out whole cells of the sky")
    ra, dec = data.stars.numeric["ra"], data.stars.numeric["dec"]
    sky_fold = sky_folds(ra, dec, data.same_star, settings.folds, settings.seed)
    sky = Sky(held_out_values(rows, data.velocity, sky_fold, settings)[:n], sky_fold)
    say("learning from fewer stars, and without each input")
    curve, effects = learn(data, rows, fold, settings)
    extra: dict[str, Any] = {"learning_curve": curve, "feature_effect": effects, "ridge": model.value.ridge}
    if compare:
        say("fitting the other candidates on the same folds")
        extra["comparison"] = _compare(data, rows, held, fold, sky, settings)
        say(extra["comparison"]["verdict"])
    metrics = accuracy(data, held, sky) | sharpness(data, held)
    calibration = coverage(data, rows, held, sky)
    parameters = kinematics(NUMPY, rows.features[:n].astype(np.float64)).parameters
    novel = model.novelty.value(NUMPY, parameters)[:, 0] > 1.0
    failures = known_failures(data, held, novel, metrics, calibration, of_tables["zero_points"])
    return Judgement(metrics, calibration, failures, extra, sky)


def _compare(
    data: TrainingStars, rows: Rows, held: HeldOut, fold: NDArray[np.intp], sky: Sky, settings: TrainingSettings
) -> dict[str, Any]:
    from astroscale_training.candidates.base import sample_of
    from astroscale_training.candidates.recipe import SHIPPED
    from astroscale_training.compare import compare

    known = {SHIPPED: {"shuffled": held.value[: len(data)], "sky_block": sky.value}}
    folds = {"shuffled": fold, "sky_block": sky.fold}
    return compare(sample_of(data, rows), folds, settings, known).as_dict()
