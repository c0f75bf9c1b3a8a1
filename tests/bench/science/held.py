"""Everything that one seed holds out: the recipe in shuffled and sky-block folds, and the original boosting beside."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from astroscale_shared.registry import Calibration
from astroscale_training.candidates import original
from astroscale_training.candidates.base import Floats, Mask, Sample, sample_of
from astroscale_training.candidates.recipe import CANDIDATE as RECIPE
from astroscale_training.evaluate import Sky, r2, within_surveys
from astroscale_training.features import Rows, training_rows
from astroscale_training.fit import HeldOut, fit_model, held_out_values
from astroscale_training.folds import shuffled_folds, sky_folds
from astroscale_training.groups import groups_of
from astroscale_training.intervals import coverage, sharpness
from astroscale_training.parallel import side_by_side
from astroscale_training.prepare import TrainingStars
from astroscale_training.settings import TrainingSettings

FEW: Final = 1_000
SHUFFLED, SKY = "shuffled", "sky-block"


@dataclass(frozen=True, slots=True)
class OfSeed:
    """Figures of one seed.

    r2: by folding and group. original: R2 of the original boosting on `clean`, by folding, the better of fits on the
    clean stars alone and on their whole table. few: R2 on LAMOST from 1,000 LAMOST stars. coverage: of 90 % and 68 %.
    """

    r2: dict[str, dict[str, float]]
    original: dict[str, float]
    few: float
    coverage: tuple[Calibration, ...]
    sharpness: dict[str, float]


def of_seed(data: TrainingStars, settings: TrainingSettings) -> OfSeed:
    """Hold out with the folds, copies and waves of `settings.seed`."""
    rows = training_rows(data.stars, data.same_star, settings.masked_copies, settings.seed)
    sample, n = sample_of(data, rows), len(data)
    shuffled = shuffled_folds(data.same_star, settings.folds, settings.seed)
    ra, dec = data.stars.numeric["ra"], data.stars.numeric["dec"]
    sky = sky_folds(ra, dec, data.same_star, settings.folds, settings.seed)
    _, held = fit_model(rows, data.velocity, data.survey, shuffled, settings)
    unseen = Sky(held_out_values(rows, data.velocity, sky, settings)[:n], sky)
    return OfSeed(
        r2={SHUFFLED: _by_group(data, held.value[:n]), SKY: _by_group(data, unseen.value)},
        original={SHUFFLED: _original(sample, shuffled, settings), SKY: _original(sample, sky, settings)},
        few=_from_few(sample, shuffled, settings),
        coverage=coverage(data, rows, held, unseen),
        sharpness={name: metric.value for name, metric in sharpness(data, held).items()}
        | _half_widths(data, rows, held),
    )


def _by_group(data: TrainingStars, value: Floats) -> dict[str, float]:
    out = {g.label: r2(data.velocity[g.rows], value[g.rows]) for g in groups_of(data, 100)}
    return out | {"within surveys": within_surveys(data.velocity, value, data.survey)}


def _half_widths(data: TrainingStars, rows: Rows, held: HeldOut) -> dict[str, float]:
    """Mean half width of the 68 % and the 90 % interval, km/s, by table."""
    quantiles = held.quantiles[rows.natural]
    out: dict[str, float] = {}
    for group in groups_of(data, 100):
        if group.kind == "table":
            q = quantiles[group.rows]
            out[f"half width 68 {group.name}"] = float((q[:, 3] - q[:, 1]).mean() / 2.0)
            out[f"half width 90 {group.name}"] = float((q[:, 4] - q[:, 0]).mean() / 2.0)
    return out


def _original(sample: Sample, fold: np.ndarray, settings: TrainingSettings) -> float:
    """R2 on the clean stars: the better of two ways to fit it, so that no margin comes from a poor rival."""
    clean, table = sample.clean, np.isin(sample.table, sample.table[sample.clean])

    def one(job: tuple[int, bool]) -> Floats:
        number, alone = job
        training = sample.take((clean if alone else table) & (fold != number))
        return original.fit(training, settings)(sample.take(clean & (fold == number)))

    jobs = [(number, alone) for alone in (True, False) for number in range(settings.folds)]
    said = side_by_side(one, jobs, settings.workers)
    out: list[float] = []
    for alone in (True, False):
        value = np.empty(len(sample))
        for (number, of), values in zip(jobs, said, strict=True):
            if of == alone:
                value[clean & (fold == number)] = values
        out.append(r2(sample.velocity[clean], value[clean]))
    return max(out)


def lamost(sample: Sample) -> Mask:
    """bool [N]: the LAMOST giants."""
    return sample.table == "lamost_giants.csv"


def _from_few(sample: Sample, fold: np.ndarray, settings: TrainingSettings) -> float:
    """R2 on LAMOST giants, of fits on 1,000 of those in the other folds and on nothing else."""
    rng = np.random.default_rng(settings.seed)
    chosen = [
        rng.choice(np.flatnonzero(lamost(sample) & (fold != n)), FEW, replace=False) for n in range(settings.folds)
    ]

    def one(number: int) -> Floats:
        training = sample.take(np.isin(np.arange(len(sample)), chosen[number]))
        return RECIPE.fit(training, settings)(sample.take(lamost(sample) & (fold == number)))

    value = np.empty(len(sample))
    for number, values in enumerate(side_by_side(one, list(range(settings.folds)), settings.workers)):
        value[lamost(sample) & (fold == number)] = values
    return r2(sample.velocity[lamost(sample)], value[lamost(sample)])
