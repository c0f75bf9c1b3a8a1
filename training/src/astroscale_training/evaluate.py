"""How near the values are to the truth on stars that the model has not seen, as figures for the card."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from astroscale_shared.registry import Metric
from numpy.typing import NDArray

from astroscale_training.fit import HeldOut
from astroscale_training.groups import ALL, Group, Mask, groups_of
from astroscale_training.prepare import TrainingStars

FEWEST_STARS: Final = 100
"""A smaller group says more about its stars than about the model."""

Floats = NDArray[np.float64]
Folds = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Sky:
    """What the model says of stars whose whole cell of the sky was held out. value: float64 [N], fold: int [N]."""

    value: Floats
    fold: Folds


def r2(truth: Floats, value: Floats) -> float:
    """Share of the variance explained; truth and value float64 [M]."""
    return float(1.0 - np.mean((truth - value) ** 2) / max(float(np.var(truth)), 1e-12))


def within_surveys(truth: Floats, value: Floats, survey: NDArray[np.object_]) -> float:
    """R2 beside each survey's own mean: what is explained of the stars, not of who observed them. All are [M]."""
    everyone = np.ones(len(truth), dtype=np.bool_)
    return _beyond(truth, value, _means(truth, survey, everyone))


def accuracy(data: TrainingStars, held: HeldOut, sky: Sky) -> dict[str, Metric]:
    """Figures on the N stars as they were observed, by group (see `groups.groups_of`).

    A key is the figure's name and the group's label: `r2`, `r2_sky_block table bright_stars`. The spread of a figure is
    the standard deviation over its folds. Within surveys: what is explained beyond each survey's own mean, which a
    model could read off inputs that betray the survey.
    """
    n = len(data)
    out: dict[str, Metric] = {}
    everyone, *parts = groups_of(data, FEWEST_STARS)
    truth, shuffled = data.velocity, Sky(held.value[:n], held.fold[:n])
    survey_mean = _means(truth, data.survey, everyone.rows)
    out["r2_of_survey_means"] = Metric(value=r2(truth, survey_mean), rows=n)
    out["rmse_kms"] = Metric(value=float(np.sqrt(np.mean((truth - shuffled.value) ** 2))), unit="km/s", rows=n)
    out["median_error_kms"] = Metric(value=float(np.median(np.abs(truth - shuffled.value))), unit="km/s", rows=n)
    for group in (everyone, *parts):
        of_group = "" if group.name == ALL else f" {group.label}"
        constant = np.full(n, truth[group.rows].mean())
        out[f"r2{of_group}"] = _explained(truth, shuffled, constant, group)
        out[f"r2_sky_block{of_group}"] = _explained(truth, sky, constant, group)
        if len(set(data.survey[group.rows])) > 1:
            own = _means(truth, data.survey, group.rows)
            out[f"r2_within_surveys{of_group}"] = _explained(truth, shuffled, own, group)
            out[f"r2_sky_block_within_surveys{of_group}"] = _explained(truth, sky, own, group)
    return out


def _means(truth: Floats, label: NDArray[np.object_], rows: Mask) -> Floats:
    """float64 [N]: the mean of each label's stars among `rows`."""
    out = np.zeros_like(truth)
    for name in set(label[rows]):
        of_label = rows & (label == name)
        out[of_label] = truth[of_label].mean()
    return out


def _explained(truth: Floats, held: Sky, beyond: Floats, group: Group) -> Metric:
    """Share of the variance around `beyond` (float64 [N]) that is explained; its spread over folds of 20 stars or more."""

    def share(rows: Mask) -> float:
        return _beyond(truth[rows], held.value[rows], beyond[rows])

    by_fold = [group.rows & (held.fold == number) for number in np.unique(held.fold)]
    return Metric(
        value=share(group.rows),
        spread=spread([share(rows) for rows in by_fold if rows.sum() >= FEWEST_STARS // 5]),
        rows=int(group.rows.sum()),
    )


def _beyond(truth: Floats, value: Floats, beyond: Floats) -> float:
    """Share of the variance around `beyond` that is explained; float64 [M] each."""
    left = np.sum((truth - value) ** 2)
    return float(1.0 - left / max(float(np.sum((truth - beyond) ** 2)), 1e-12))


def spread(figures: list[float]) -> float | None:
    """Standard deviation of figures of several folds; None where there is one."""
    return float(np.std(figures, ddof=1)) if len(figures) > 1 else None
