"""Figures that need the card alone."""

from pathlib import Path
from typing import Any

import numpy as np
from astroscale_shared.registry import Calibration, ModelCard
from numpy.typing import NDArray

from astroscale_training.intervals import ALLOWED_POINTS, LEVELS, kept
from astroscale_training.style import BAND, COLOURS, INK, MARKERS, drawn, nice
from astroscale_training.summary import short

Floats = NDArray[np.float64]

_LOSSES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
_OF_STARS = ("as observed", "unseen sky", "table", "survey", "[Fe/H]", "parallax")


def coverage_by_group(path: Path, card: ModelCard) -> None:
    """Coverage of the widest interval by group: groups of stars left, patterns of missing inputs right."""
    level = max(LEVELS)
    rows = [row for row in card.calibration if row.level == level]
    sides = [[row for row in rows if (row.pattern.partition(": ")[0] in _OF_STARS) == stars] for stars in (True, False)]
    lines = max(len(side) + len({row.pattern.partition(": ")[0] for row in side}) for side in sides)
    with drawn(path, 13.0, 0.26 * lines + 1.2) as figure:
        for ax, side in zip(figure.subplots(1, 2), sides, strict=True):
            _coverage(ax, side, level, lines)


def _coverage(ax: Any, rows: list[Calibration], level: float, lines: int) -> None:
    ax.axvspan(100 * (level - ALLOWED_POINTS), 100 * (level + ALLOWED_POINTS), color=BAND)
    ax.axvline(100 * level, color=INK, lw=1.0, ls="--")
    labels: list[str] = []
    views: list[str] = []
    for row in rows:
        view, _, group = row.pattern.partition(": ")
        if view not in views:
            views.append(view)
            labels.append(view)
        error = 200.0 * (level * (1.0 - level) / row.rows) ** 0.5
        marker, colour = ("o", COLOURS[0]) if kept(row) else ("X", COLOURS[1])
        ax.errorbar(100 * row.coverage, len(labels), xerr=error, fmt=marker, color=colour, ms=7, lw=1.5)
        labels.append(short(group))
    ax.set_yticks(range(len(labels)), labels)
    for text in ax.get_yticklabels():
        if text.get_text() in views:
            text.set_fontweight("bold")
    lowest = min((100 * row.coverage for row in rows), default=100.0)
    ax.set(xlabel=f"coverage of the {100 * level:g} % interval, %", ylim=(lines - 0.4, -0.6))
    ax.set_xlim(min(78.0, lowest - 1.0), 100.5)
    ax.tick_params(axis="y", length=0)


def learning_curve(path: Path, card: ModelCard) -> None:
    """R2 by group against training stars."""
    curve: list[dict[str, Any]] = card.extra["learning_curve"]
    stars = [point["stars"] for point in curve]
    with drawn(path, 9.0, 5.2) as figure:
        ax = figure.subplots()
        last: dict[str, float] = curve[-1]["r2"]
        for number, group in enumerate(sorted(last, key=lambda name: -last[name])):
            colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
            figures = [point["r2"][group] for point in curve]
            ax.plot(stars, figures, color=colour, marker=marker, ms=8, label=nice(group))
        ax.set_xscale("log")
        ax.set_xticks(stars, [f"{n:,}" for n in stars])
        ax.minorticks_off()
        ax.set(
            xlabel="training stars, of all tables together",
            ylabel="R² on stars held out",
            ylim=(min(0.0, *ax.get_ylim()), None),
        )
        ax.grid(axis="y", color="#DDDDDD", lw=0.8)
        figure.legend(loc="outside right upper")


def feature_effect(path: Path, card: ModelCard) -> None:
    """R2 lost by input and group, on a scale of roots so that small effects are seen beside large ones."""
    effects: dict[str, dict[str, float]] = card.extra["feature_effect"]
    names = sorted(effects, key=lambda name: max(effects[name].values(), default=0.0))
    groups = list(dict.fromkeys(group for of_input in effects.values() for group in of_input))
    with drawn(path, 9.0, 5.2) as figure:
        ax = figure.subplots()
        for number, group in enumerate(groups):
            at = [i for i, name in enumerate(names) if group in effects[name]]
            lost = [effects[names[i]][group] for i in at]
            offset = 0.1 * (number - (len(groups) - 1) / 2.0)
            ax.plot(
                lost,
                [i - offset for i in at],
                color=COLOURS[number % len(COLOURS)],
                marker=MARKERS[number % len(MARKERS)],
                ls="",
                ms=8,
                label=nice(group),
            )
        for number in range(len(names) - 1):
            ax.axhline(number + 0.5, color="#DDDDDD", lw=0.8)
        ax.axvline(0.0, color=INK, lw=1.0)
        ax.set_xscale("function", functions=(_root, _square))
        ax.set_xticks(_LOSSES, [f"{loss:g}" for loss in _LOSSES])
        ax.set_yticks(range(len(names)), names)
        ax.tick_params(axis="y", length=0)
        worst = max((loss for of_input in effects.values() for loss in of_input.values()), default=1.0)
        ax.set(
            xlim=(-0.01, max(1.1 * worst, 0.1)), xlabel="R² lost when stars held out swap this input, a scale of roots"
        )
        ax.set(ylim=(-0.6, len(names) - 0.4))
        figure.legend(loc="outside right upper")


def _root(x: Floats) -> Floats:
    return np.sign(x) * np.sqrt(np.abs(x))


def _square(x: Floats) -> Floats:
    return np.sign(x) * x**2
