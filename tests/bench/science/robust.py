"""What the recipe says of surveys that it has not seen, and what the inputs that betray a survey add and cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from astroscale_training.candidates.base import Candidate, Floats, Mask, Sample, sample_of
from astroscale_training.candidates.original import CANDIDATE as ORIGINAL
from astroscale_training.candidates.recipe import CANDIDATE as RECIPE
from astroscale_training.compare import Folds, hold_out
from astroscale_training.evaluate import r2, within_surveys
from astroscale_training.features import mask, training_rows
from astroscale_training.folds import shuffled_folds
from astroscale_training.parallel import side_by_side
from astroscale_training.prepare import TrainingStars
from astroscale_training.settings import TrainingSettings
from astroscale_training.tables import table_name

FINGERPRINTS: Final = ("snr", "teff", "logg")
FEWEST: Final = 200
LAMOST: Final = ("lamost_giants.csv", "gaia_lamost.csv")


@dataclass(frozen=True, slots=True)
class Job:
    """Fit on some stars, bool [N], and judge others."""

    kept: Mask
    judged: Mask


def without(data: TrainingStars, name: str, settings: TrainingSettings) -> Sample:
    """The training stars, none of which has this input ("": as they are)."""
    stars = mask(data.stars, {name: np.ones(len(data), dtype=np.bool_)}) if name else data.stars
    return sample_of(data, training_rows(stars, data.same_star, settings.masked_copies, settings.seed))


def leave_lamost_out(sample: Sample, settings: TrainingSettings) -> tuple[float, float]:
    """R2 on the LAMOST giants of fits without any star of LAMOST: the recipe's and the original boosting's."""
    of_lamost = np.isin(sample.table, LAMOST)
    job = Job(~np.isin(sample.same_star, sample.same_star[of_lamost]), sample.table == LAMOST[0])
    recipe, original = (_fits(sample, candidate, [job], settings)[0] for candidate in (RECIPE, ORIGINAL))
    return _r2(sample, job, recipe), _r2(sample, job, original)


def leave_surveys_out(sample: Sample, candidate: Candidate, settings: TrainingSettings) -> dict[str, float]:
    """R2 on each survey of 200 stars or more, of fits without it. Stars of it that another survey saw are left out too."""
    jobs: dict[str, Job] = {}
    for name in sorted(set(sample.survey.tolist())):
        judged = sample.survey == name
        if judged.sum() >= FEWEST:
            jobs[name] = Job(~np.isin(sample.same_star, sample.same_star[judged]), judged)
    said = _fits(sample, candidate, list(jobs.values()), settings)
    return {name: _r2(sample, job, values) for (name, job), values in zip(jobs.items(), said, strict=True)}


def shuffled_within_surveys(sample: Sample, settings: TrainingSettings) -> float:
    """R2 within surveys on shuffled folds."""
    fold = shuffled_folds(sample.same_star, settings.folds, settings.seed)
    return within_surveys(sample.velocity, _held_out(sample, fold, settings), sample.survey)


def tables_alone(sample: Sample, settings: TrainingSettings) -> dict[str, float]:
    """R2 of the recipe fitted on each table by itself, shuffled folds."""
    out: dict[str, float] = {}
    fold = shuffled_folds(sample.same_star, settings.folds, settings.seed)
    for name in sorted(set(sample.table.tolist())):
        of = sample.table == name
        out[table_name(name)] = r2(sample.velocity[of], _held_out(sample.take(of), fold[of], settings))
    return out


def _held_out(sample: Sample, fold: Folds, settings: TrainingSettings) -> Floats:
    return hold_out(sample, fold, settings, candidates=(RECIPE,), stack=None)[RECIPE.name].value


def _fits(sample: Sample, candidate: Candidate, jobs: Sequence[Job], settings: TrainingSettings) -> list[Floats]:
    def one(job: Job) -> Floats:
        return candidate.fit(sample.take(job.kept), settings)(sample.take(job.judged))

    return side_by_side(one, jobs, settings.workers)


def _r2(sample: Sample, job: Job, said: Floats) -> float:
    return r2(sample.velocity[job.judged], said)
