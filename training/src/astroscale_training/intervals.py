"""Whether the intervals keep their promise on stars that the model has not seen, and what they cost in width."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from astroscale_shared.registry import Calibration, Metric
from astroscale_shared.registry.card import QUANTILES
from astroscale_shared.stars.surprise import tail_probability
from numpy.typing import NDArray
from scipy.stats import kstest

from astroscale_training.calibrate import GROUP_NAMES, groups
from astroscale_training.evaluate import Sky, spread
from astroscale_training.features import Rows
from astroscale_training.fit import HeldOut
from astroscale_training.groups import ALL, Mask, groups_of
from astroscale_training.prepare import TrainingStars
from astroscale_training.tables import CLEAN

LEVELS: Final = {0.9: (0, -1), 0.68: (1, -2)}
"""Level of an interval: the columns of the quantiles that bound it."""

FEWEST_ROWS: Final = 200
ALLOWED_POINTS: Final = 0.03
"""A group's coverage may be off by this, or by two binomial standard errors where it is small."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """Rows to judge: what was measured, the quantiles float64 [M, 5] km/s, and folds int [M]."""

    truth: Floats
    quantiles: Floats
    fold: NDArray[np.intp]

    def row(self, pattern: str, chosen: Mask, level: float) -> Calibration:
        """Coverage and mean width of the interval of `level` on the chosen rows, bool [M]."""
        first, last = LEVELS[level]
        low, high = self.quantiles[chosen, first], self.quantiles[chosen, last]
        inside = (self.truth[chosen] >= low) & (self.truth[chosen] <= high)
        fold = self.fold[chosen]
        return Calibration(
            pattern=pattern,
            rows=int(chosen.sum()),
            level=level,
            coverage=float(inside.mean()),
            coverage_spread=spread([float(inside[fold == number].mean()) for number in np.unique(fold)]),
            mean_width_kms=float((high - low).mean()),
        )


def coverage(data: TrainingStars, rows: Rows, held: HeldOut, sky: Sky) -> tuple[Calibration, ...]:
    """How often the intervals hold the truth and how wide they are; a pattern is `view: group`.

    Views: stars as observed in all, by table, survey, metallicity, parallax and what they lack; over unseen sky (the
    value is of a fit without the star's cell, the half widths are those of the shuffled folds); rows with inputs taken
    away; and stars that have everything, where only the pattern differs and widths can be compared.
    """
    n = len(data)
    judged = Judged(data.velocity[rows.star], held.quantiles, held.fold)
    natural = Judged(data.velocity, held.quantiles[:n], held.fold[:n])
    unseen = Judged(data.velocity, natural.quantiles + (sky.value - held.value[:n])[:, None], sky.fold)
    group = groups()[rows.pattern]
    whole = (rows.pattern[:n] == 0)[rows.star]
    out: list[Calibration] = []
    for level in LEVELS:
        parts = groups_of(data, FEWEST_ROWS)
        wide = [part for part in parts if not part.kind]
        out += [natural.row(f"as observed: {part.name}", part.rows, level) for part in wide]
        out += [unseen.row(f"unseen sky: {part.name}", part.rows, level) for part in wide]
        out += [natural.row(f"{part.kind}: {part.name}", part.rows, level) for part in parts if part.kind]
        for view, of_view in (
            ("inputs as observed", rows.natural),
            ("inputs taken away", ~rows.natural),
            ("stars that have all", whole),
        ):
            for number, name in enumerate(GROUP_NAMES):
                chosen = of_view & (group == number)
                if chosen.sum() >= FEWEST_ROWS:
                    out.append(judged.row(f"{view}: {name}", chosen, level))
    return tuple(out)


def sharpness(data: TrainingStars, held: HeldOut) -> dict[str, Metric]:
    """Mean width of the 90 % interval over that of a constant one, and how far tail probabilities are from uniform.

    `width_of_constant`: below 1 where knowing which stars are certain pays. `tail_ks`: the Kolmogorov-Smirnov distance.
    """
    n = len(data)
    truth, value, quantiles = data.velocity, held.value[:n], held.quantiles[:n]
    tail = tail_probability(truth, quantiles.astype(np.float32)).astype(np.float64)
    out: dict[str, Metric] = {}
    for part in groups_of(data, FEWEST_ROWS):
        if part.name not in (ALL, CLEAN) and part.kind != "table":
            continue
        of_group, rows = "" if part.name == ALL else f" {part.label}", part.rows
        ratio = width_of_constant(truth[rows], value[rows], quantiles[rows])
        out[f"width_of_constant{of_group}"] = Metric(value=ratio, rows=int(rows.sum()))
        distance = float(kstest(tail[rows], "uniform").statistic)
        out[f"tail_ks{of_group}"] = Metric(value=distance, rows=int(rows.sum()))
    return out


def width_of_constant(truth: Floats, value: Floats, quantiles: Floats) -> float:
    """Mean width of the outer interval over that of value +- a constant, both stretched to hold the level of these rows.

    truth, value: float64 [M], quantiles: float64 [M, 5], km/s. Split conformal with a constant width is value +- a
    quantile of the absolute residual.
    """
    level = QUANTILES[-1] - QUANTILES[0]
    residual = truth - value
    below, above = value - quantiles[:, 0], quantiles[:, -1] - value
    side = np.where(residual < 0.0, below, above)
    # The stretch at which each star enters its own interval. A side of no width is never stretched to its star.
    enters = np.abs(residual) / np.maximum(side, 1e-9)
    stretched = float(np.quantile(enters, level)) * float((below + above).mean())
    return stretched / (2.0 * float(np.quantile(np.abs(residual), level)))


def broken_promises(calibration: tuple[Calibration, ...]) -> list[Calibration]:
    """The 90 % rows whose coverage is off by more than `ALLOWED_POINTS` and two binomial standard errors."""
    return [row for row in calibration if row.level == max(LEVELS) and not kept(row)]


def kept(row: Calibration) -> bool:
    """Whether a row's coverage is its level, as nearly as its number of stars can tell."""
    return kept_by(row.coverage, row.level, row.rows)


def kept_by(coverage: float, level: float, rows: int) -> bool:
    """The same, of a share of so many rows."""
    error = (level * (1.0 - level) / max(rows, 1)) ** 0.5
    return abs(coverage - level) <= max(ALLOWED_POINTS, 2.0 * error)
