"""What more stars bring and what each input brings, on the stars of one fold."""

from typing import Any, Final

import numpy as np
from astroscale_shared.stars.encoding import encode
from astroscale_shared.stars.observations import Observations
from numpy.typing import NDArray

from astroscale_training.evaluate import FEWEST_STARS, r2
from astroscale_training.features import Rows
from astroscale_training.fit import fit_value
from astroscale_training.groups import Group, groups_of
from astroscale_training.kinematic_regression import KinematicRegression
from astroscale_training.kinematics import kinematics
from astroscale_training.ops import NUMPY
from astroscale_training.parallel import side_by_side
from astroscale_training.prepare import TrainingStars
from astroscale_training.settings import TrainingSettings

SIZES: Final = (300, 1_000, 3_000, 10_000)
"""Training stars of the learning curve; the last point has all there are."""

REPEATS: Final = 5

SHUFFLED_TOGETHER: Final = {
    "position": ("ra", "dec"),
    "parallax": ("parallax",),
    "proper motion": ("pmra", "pmdec"),
    "fe_h": ("fe_h",),
    "teff": ("teff",),
    "logg": ("logg",),
    "snr": ("snr",),
}
"""Inputs that are shuffled together, since one without the other is no star."""

Floats = NDArray[np.float64]


def learn(
    data: TrainingStars, rows: Rows, fold: NDArray[np.intp], settings: TrainingSettings
) -> tuple[list[dict[str, Any]], dict[str, dict[str, float]]]:
    """The learning curve, and the effect of each input (see `effect`); R2 on fold 0, by all, clean and table.

    fold: int [N], by star. A point of the curve is `{"stars": n, "r2": {group: R2}}`, fitted on n stars drawn from
    the other folds of all tables together, each with its copies.
    """
    test, rng = fold == 0, np.random.default_rng(settings.seed)
    order = rng.permutation(np.flatnonzero(~test))
    sizes = [size for size in SIZES if size < len(order)] + [len(order)]
    judged = [g for g in groups_of(data, FEWEST_STARS) if g.kind in ("", "table")]
    judged = [g for g in judged if (g.rows & test).sum() >= FEWEST_STARS // 5]

    velocity = data.velocity

    def one(size: int) -> KinematicRegression:
        return _fit(rows, velocity, order[:size], settings)

    fits = side_by_side(one, sizes, settings.workers)
    features = rows.features[: len(data)][test]
    curve: list[dict[str, Any]] = []
    for size, model in zip(sizes, fits, strict=True):
        value = np.zeros(len(data))
        value[test] = _predict(model, features)
        figures = {g.label: r2(data.velocity[g.rows & test], value[g.rows & test]) for g in judged}
        curve.append({"stars": size, "r2": figures})
    return curve, effect(data, test, fits[-1], judged, rng)


def effect(
    data: TrainingStars,
    test: NDArray[np.bool_],
    model: KinematicRegression,
    judged: list[Group],
    rng: np.random.Generator,
) -> dict[str, dict[str, float]]:
    """By input and group: how much R2 is lost on held-out stars (bool [N]) when they swap this input among each other.

    Stars of one table that have the input swap, before they are encoded: what is derived from it goes along, what is
    missing stays missing. The mean of five draws; a group where fewer than 20 stars have the input is left out.
    """
    stars, table = data.stars.take(test), data.table[test]
    truth = data.velocity[test]
    whole = _predict(model, encode(stars).features)
    out: dict[str, dict[str, float]] = {}
    for name, columns in SHUFFLED_TOGETHER.items():
        has = ~np.isnan(np.sum([stars.numeric[c] for c in columns], axis=0))
        values = [_predict(model, encode(_swap(stars, columns, has, table, rng)).features) for _ in range(REPEATS)]
        out[name] = {}
        for group in judged:
            rows = group.rows[test]
            if (rows & has).sum() >= FEWEST_STARS // 5:
                left = float(np.mean([r2(truth[rows], value[rows]) for value in values]))
                out[name][group.label] = r2(truth[rows], whole[rows]) - left
    return out


def _swap(
    stars: Observations,
    columns: tuple[str, ...],
    has: NDArray[np.bool_],
    table: NDArray[np.object_],
    rng: np.random.Generator,
) -> Observations:
    source = np.arange(len(stars))
    for name in sorted(set(table.tolist())):
        there = np.flatnonzero(has & (table == name))
        source[there] = rng.permutation(there)
    numeric = {k: v[source] if k in columns else v for k, v in stars.numeric.items()}
    return Observations(numeric, stars.source_id, stars.survey)


def _fit(rows: Rows, velocity: Floats, chosen: NDArray[np.intp], settings: TrainingSettings) -> KinematicRegression:
    return fit_value(rows.take(np.isin(rows.star, chosen)), velocity, settings)


def _predict(model: KinematicRegression, features: NDArray[np.float32]) -> Floats:
    return model.predict(kinematics(NUMPY, features.astype(np.float64)))
