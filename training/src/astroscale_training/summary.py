"""The figures of a card as rows of tables, for the terminal and for the rendered card alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from astroscale_shared.registry import Calibration, Metric, ModelCard
from pydantic import TypeAdapter

from astroscale_training.compare import FOLDINGS, WITHIN_SURVEYS, Comparison
from astroscale_training.intervals import LEVELS, kept
from astroscale_training.tables import CLEAN

ACCURACY: Final = ("r2", "r2_sky_block", "r2_within_surveys", "r2_sky_block_within_surveys")
COMPARED: Final = (CLEAN, WITHIN_SURVEYS)
_SHORT: Final = {"with proper motion": "with pm", "no proper motion": "no pm"}


@dataclass(frozen=True, slots=True)
class Accuracy:
    """R2 of one group in several protocols, as people read it: value and spread, or nothing."""

    group: str
    stars: int
    figures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """Coverage of one group by level, the mean width of the widest interval, and whether the promise is kept."""

    view: str
    group: str
    rows: int
    coverage: tuple[str, ...]
    width: str
    kept: bool


def accuracy_rows(card: ModelCard) -> Iterator[Accuracy]:
    """One row for each group that has an `r2`, in the card's order."""
    for key, metric in card.metrics.items():
        figure, _, group = key.partition(" ")
        if figure == "r2":
            names = [f"{name} {group}".strip() for name in ACCURACY]
            yield Accuracy(group or "all", metric.rows or 0, tuple(_figure(card.metrics.get(name)) for name in names))


def other_figures(card: ModelCard) -> Iterator[tuple[str, str]]:
    """Name and value of the figures that `accuracy_rows` has not."""
    for key, metric in card.metrics.items():
        if key.partition(" ")[0] not in ACCURACY:
            yield key, f"{_figure(metric)}{'' if metric.unit == '-' else ' ' + metric.unit}"


def interval_rows(card: ModelCard) -> Iterator[Interval]:
    """One row for each pattern of the calibration, in the card's order, all its levels side by side."""
    rows: dict[str, dict[float, Calibration]] = {}
    for row in card.calibration:
        rows.setdefault(row.pattern, {})[row.level] = row
    for pattern, by_level in rows.items():
        view, _, group = pattern.partition(": ")
        widest = by_level[max(by_level)]
        yield Interval(
            view,
            short(group),
            widest.rows,
            tuple(f"{by_level[level].coverage:.1%}" if level in by_level else "" for level in LEVELS),
            f"{widest.mean_width_kms:.1f}",
            kept(widest),
        )


def zero_point_rows(card: ModelCard) -> Iterator[tuple[str, ...]]:
    """Survey, its stars, those in common with others, the offset, what a fit leaves over, what was corrected; km/s."""
    for z in card.extra.get("zero_points", []):
        offset = _with_error(z["offset_kms"], z["offset_error_kms"])
        left_over = _with_error(z["residual_kms"], z["residual_error_kms"])
        corrected = f"{z['corrected_kms']:+.2f}" if z["corrected_kms"] else ""
        yield z["survey"], str(z["stars"]), str(z["in_common"]), offset, left_over, corrected


def comparison_of(card: ModelCard) -> Comparison | None:
    """The comparison with other candidates, where the run made one."""
    found = card.extra.get("comparison")
    return TypeAdapter(Comparison).validate_python(found) if found else None


def comparison_rows(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    """Candidate, score, distance to the best, then R2 by part of `COMPARED` as shuffled / sky-block, then seconds a fit."""
    best = next(s.score for s in comparison.standings if s.name == comparison.best)
    for s in comparison.standings:
        behind = "" if s.name == comparison.best else f"{s.score - best:+.3f} ± {s.standard_error:.3f}"
        by_part = [
            " / ".join(f"{s.r2[folding][part]:.3f}" for folding in FOLDINGS) if part in s.r2[FOLDINGS[0]] else ""
            for part in COMPARED
        ]
        seconds = "" if s.fit_seconds is None else f"{s.fit_seconds:.1f}"
        mark = "" if s.ships else " (cannot ship)"
        yield s.name + mark, f"{s.score:.3f}", behind, *by_part, seconds


def short(group: str) -> str:
    """A group's name with long words cut: pm is the proper motion."""
    for long, cut in _SHORT.items():
        group = group.replace(long, cut)
    return group


def _figure(metric: Metric | None) -> str:
    if metric is None:
        return ""
    return f"{metric.value:.3f}" if metric.spread is None else f"{metric.value:.3f} ± {metric.spread:.3f}"


def _with_error(value: float | None, error: float | None) -> str:
    if value is None:
        return ""
    return f"{value:+.2f}" if error is None else f"{value:+.2f} ± {error:.2f}"
