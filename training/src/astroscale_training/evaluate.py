"""How good the model is on stars that it has not seen, as figures for the card."""

from collections.abc import Iterator

import numpy as np
from astroscale_shared.registry import Calibration, Metric
from numpy.typing import NDArray

from astroscale_training.calibrate import GROUP_NAMES, groups
from astroscale_training.features import Rows
from astroscale_training.fit import HeldOut
from astroscale_training.prepare import TrainingStars

LEVEL = 0.9
_FEWEST_ROWS = 100

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


def r2(truth: Floats, value: Floats) -> float:
    """Share of the variance explained; truth and value float64 [M]."""
    return float(1.0 - np.mean((truth - value) ** 2) / max(float(np.var(truth)), 1e-12))


def accuracy(data: TrainingStars, held: HeldOut, sky_value: Floats, sky_fold: NDArray[np.intp]) -> dict[str, Metric]:
    """Figures on the N stars as they were observed: in all, within each survey and table, and over unseen sky.

    sky_value, sky_fold: [N], values held out by whole cells of the sky, and their folds.
    """
    n = len(data)
    truth, value, fold = data.velocity, held.value[:n], held.fold[:n]
    everyone = np.ones(n, dtype=np.bool_)
    survey_mean = _means(truth, data.survey)
    out = {
        "r2": _r2(truth, value, fold, everyone),
        "r2_sky_block": _r2(truth, sky_value, sky_fold, everyone),
        "r2_within_surveys": Metric(
            value=float(1.0 - np.sum((truth - value) ** 2) / np.sum((truth - survey_mean) ** 2)), rows=n
        ),
        "r2_of_survey_means": Metric(value=r2(truth, survey_mean), rows=n),
        "rmse_kms": Metric(value=float(np.sqrt(np.mean((truth - value) ** 2))), unit="km/s", rows=n),
        "median_error_kms": Metric(value=float(np.median(np.abs(truth - value))), unit="km/s", rows=n),
    }
    for prefix, label in (("table", data.table), ("survey", data.survey)):
        for name, rows in _parts(label):
            out[f"r2 {prefix} {name}"] = _r2(truth, value, fold, rows)
    if data.clean.sum() >= _FEWEST_ROWS:
        out["r2 clean"] = _r2(truth, value, fold, data.clean)
        out["r2_sky_block clean"] = _r2(truth, sky_value, sky_fold, data.clean)
    return out


def coverage(data: TrainingStars, rows: Rows, held: HeldOut) -> tuple[Calibration, ...]:
    """How often the 90 % interval holds the truth and how wide it is, by pattern of missing inputs.

    Three views: stars as observed (in all, by pattern, by table); all rows with inputs taken away; and the stars that have
    all nine inputs, with some taken away, where only the pattern differs and widths can be compared.
    """
    truth = data.velocity[rows.star]
    low, high = held.quantiles[:, 0], held.quantiles[:, -1]
    inside, width = (truth >= low) & (truth <= high), high - low
    group = groups()[rows.pattern]
    whole = (rows.pattern[rows.natural] == 0)[rows.star]

    def row(pattern: str, chosen: Mask) -> Calibration:
        return Calibration(
            pattern=pattern,
            rows=int(chosen.sum()),
            level=LEVEL,
            coverage=float(inside[chosen].mean()),
            coverage_spread=_spread([inside[chosen & (held.fold == f)].mean() for f in np.unique(held.fold[chosen])]),
            mean_width_kms=float(width[chosen].mean()),
        )

    views = [("as observed: all", rows.natural)]
    views += [(f"as observed: table {name}", rows.natural & m[rows.star]) for name, m in _parts(data.table)]
    for title, of_view in (
        ("as observed", rows.natural),
        ("inputs taken away", ~rows.natural),
        ("stars with all nine", whole),
    ):
        views += [(f"{title}: {name}", of_view & (group == g)) for g, name in enumerate(GROUP_NAMES)]
    return tuple(row(pattern, chosen) for pattern, chosen in views if chosen.sum() >= _FEWEST_ROWS)


def _means(truth: Floats, label: NDArray[np.object_]) -> Floats:
    out = np.empty_like(truth)
    for name in set(label):
        out[label == name] = truth[label == name].mean()
    return out


def _parts(label: NDArray[np.object_]) -> Iterator[tuple[str, Mask]]:
    for name in sorted(set(label.tolist())):
        rows = label == name
        if rows.sum() >= _FEWEST_ROWS:
            yield name, rows


def _r2(truth: Floats, value: Floats, fold: NDArray[np.intp], rows: Mask) -> Metric:
    by_fold = [rows & (fold == f) for f in np.unique(fold)]
    spread = _spread([r2(truth[part], value[part]) for part in by_fold if part.sum() > 1])
    return Metric(value=r2(truth[rows], value[rows]), spread=spread, rows=int(rows.sum()))


def _spread(figures: list[float]) -> float | None:
    return float(np.std(figures, ddof=1)) if len(figures) > 1 else None
