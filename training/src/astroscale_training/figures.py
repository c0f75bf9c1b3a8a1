"""The figures of the model card. What a card has is drawn from the card, the rest from the stars held out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from astroscale_shared.registry import ModelCard
from astroscale_shared.stars.surprise import tail_probability
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from numpy.typing import NDArray

from astroscale_training import compare_report
from astroscale_training.evaluate import Sky
from astroscale_training.figures_of_card import coverage_by_group, feature_effect, learning_curve
from astroscale_training.fit import HeldOut
from astroscale_training.groups import ALL, groups_of
from astroscale_training.prepare import TrainingStars
from astroscale_training.style import BAND, COLOURS, INK, MARKERS, drawn, nice
from astroscale_training.summary import comparison_of
from astroscale_training.tables import CLEAN

Floats = NDArray[np.float64]

_FEWEST: Final = 200
_CELL_DEG: Final = 10.0
_FEWEST_IN_CELL: Final = 20

FIGURES: Final = {
    "predicted-vs-measured": "Measured against predicted velocity of stars held out. The value is a mean: the median of "
    "what is measured follows the diagonal, and single stars scatter around it.",
    "residuals": "Residuals by table, and how surprising the measured velocities of stars held out are: uniform where "
    "the intervals are honest.",
    "coverage-by-group": "How often the 90 % interval holds the truth, with two binomial standard errors; grey: within "
    "3 points of the promise.",
    "learning-curve": "R2 on one fold held out against the number of training stars of all tables together.",
    "sky-residuals": "Mean residual over the sky, of fits that have not seen the cell: structure is what the model lacks "
    "of the Galaxy.",
    "feature-effect": "R2 lost when stars held out swap an input among each other.",
    "candidates": "The recipe beside other ways to predict the same velocities, on the same folds.",
}
"""Name of each figure and what it shows."""


def draw_all(folder: Path, data: TrainingStars, held: HeldOut, sky: Sky, card: ModelCard) -> dict[str, str]:
    """Write the figures as PNG into `folder`; name to what it shows, of those that were drawn."""
    n = len(data)
    value, quantiles = held.value[:n], held.quantiles[:n]
    drawings: dict[str, Callable[[Path], None]] = {
        "predicted-vs-measured": lambda path: predicted_vs_measured(path, data, value),
        "residuals": lambda path: residuals(path, data, value, quantiles),
        "coverage-by-group": lambda path: coverage_by_group(path, card),
        "learning-curve": lambda path: learning_curve(path, card),
        "sky-residuals": lambda path: sky_residuals(path, data, sky.value),
        "feature-effect": lambda path: feature_effect(path, card),
    }
    comparison = comparison_of(card)
    if comparison:
        drawings["candidates"] = lambda path: compare_report.draw(comparison, path)
    for name, draw in drawings.items():
        draw(folder / f"{name}.png")
    return {name: FIGURES[name] for name in drawings}


def predicted_vs_measured(path: Path, data: TrainingStars, value: Floats) -> None:
    """Density of stars, and the 16th, 50th and 84th percentile of the measured velocity along the predicted one."""
    groups = [g for g in groups_of(data, _FEWEST) if g.name in (ALL, CLEAN)]
    limit = 320.0
    with drawn(path, 4.8 * len(groups) + 1.4, 5.3) as figure:
        axes: Any = figure.subplots(1, len(groups), squeeze=False, sharey=True)[0]
        for ax, group in zip(axes, groups, strict=True):
            x, y = value[group.rows], data.velocity[group.rows]
            extent = (-limit, limit, -limit, limit)
            # The scale starts below one star, so that a single one is seen on white.
            look = {"norm": LogNorm(vmin=0.3), "cmap": "Blues", "linewidths": 0.1}
            cells = ax.hexbin(x, y, gridsize=45, extent=extent, mincnt=1, **look)
            ax.plot([-limit, limit], [-limit, limit], color=INK, lw=1.2, ls="--", label="equal")
            middle, percentiles = running(x, y, (16.0, 50.0, 84.0))
            ax.plot(middle, percentiles[:, 1], color=COLOURS[1], lw=3, label="median measured")
            ax.plot(middle, percentiles[:, [0, 2]], color=COLOURS[1], lw=2, ls=":", label=["16 and 84 %", "_"])
            ax.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="predicted velocity, km/s", aspect="equal")
            ax.set_title(f"{group.name}: {len(x):,} stars held out")
            bar = figure.colorbar(cells, ax=ax, shrink=0.6, aspect=25)
            bar.ax.set_ylim(1.0, None)
            bar.ax.set_title("stars", fontsize=12)
        axes[0].set_ylabel("measured velocity, km/s")
        axes[0].legend(loc="upper left", handlelength=1.6)


def running(x: Floats, y: Floats, levels: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Mean of x and percentiles of y [bins, len(levels)] in steps of 25 km/s that 25 stars or more share."""
    step = np.floor(x / 25.0)
    parts = [step == number for number in np.unique(step)]
    parts = [part for part in parts if part.sum() >= 25]
    percentiles = np.array([np.percentile(y[p], levels) for p in parts])
    return np.array([x[p].mean() for p in parts]), percentiles.reshape(len(parts), len(levels))


def residuals(path: Path, data: TrainingStars, value: Floats, quantiles: Floats) -> None:
    """Residuals by table, and the histogram of tail probabilities of all stars."""
    residual = data.velocity - value
    with drawn(path, 11.0, 4.8) as figure:
        left, right = figure.subplots(1, 2)
        edges = np.linspace(-300.0, 300.0, 31)
        tables = [g for g in groups_of(data, _FEWEST) if g.kind == "table"]
        for number, group in enumerate(tables):
            colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
            share = np.histogram(residual[group.rows], edges)[0] / (group.rows.sum() * np.diff(edges))
            share[share == 0.0] = np.nan  # a gap, on a logarithmic scale
            left.plot((edges[1:] + edges[:-1]) / 2.0, share, color=colour, marker=marker, ms=5, label=nice(group.name))
        left.set_yscale("log")
        left.set(xlabel="measured - predicted, km/s", ylabel="share of stars per km/s", title="Residuals by table")
        left.set_ylim(1e-5, 0.3)
        left.legend(ncols=2, loc="upper center", columnspacing=1.0, handlelength=1.2)
        tail = tail_probability(data.velocity, quantiles.astype(np.float32))
        bins = 20
        expected = len(tail) / bins
        error = 2.0 * (expected * (1.0 - 1.0 / bins)) ** 0.5
        right.axhspan((expected - error) / expected, (expected + error) / expected, color=BAND, label="chance, 2 sigma")
        counts, tail_edges = np.histogram(tail, bins, (0.0, 1.0))
        right.stairs(counts / expected, tail_edges, baseline=None, color=COLOURS[0], lw=2, label="stars held out")
        right.axhline(1.0, color=INK, lw=1.0, ls="--")
        right.set(xlim=(0.0, 1.0), ylim=(0.0, 1.6), xlabel="tail probability of the measured velocity")
        right.set(ylabel="stars over expected", title="Surprise: uniform if intervals are honest")
        right.legend(loc="lower right")


def sky_residuals(path: Path, data: TrainingStars, value: Floats) -> None:
    """Mean residual in cells of about `_CELL_DEG` degrees, where there are enough stars to tell."""
    ra, dec, residual = data.stars.numeric["ra"], data.stars.numeric["dec"], data.velocity - value
    bands = round(180.0 / _CELL_DEG)
    band = np.clip(((dec + 90.0) / _CELL_DEG).astype(int), 0, bands - 1)
    with drawn(path, 10.0, 5.6) as figure:
        ax = figure.subplots(subplot_kw={"projection": "mollweide"})
        ax.set_facecolor("#C8C8C8")
        colours = Normalize(-20.0, 20.0)
        for number in range(bands):
            south = number * _CELL_DEG - 90.0
            across = max(round(360.0 / _CELL_DEG * np.cos(np.deg2rad(south + _CELL_DEG / 2.0))), 1)
            of_band = band == number
            column = np.clip((ra[of_band] / 360.0 * across).astype(int), 0, across - 1)
            count = np.bincount(column, minlength=across)
            total = np.bincount(column, weights=residual[of_band], minlength=across)
            mean = np.where(count >= _FEWEST_IN_CELL, total / np.maximum(count, 1), np.nan)
            longitude = np.deg2rad(np.linspace(-180.0, 180.0, across + 1))
            latitude = np.deg2rad([south, south + _CELL_DEG])
            # Right ascension grows to the left, as on the sky, with 180 deg in the middle.
            ax.pcolormesh(longitude, latitude, mean[None, ::-1], cmap="RdBu_r", norm=colours)
        ax.set_xticks(np.deg2rad(range(-120, 121, 60)), [])
        for right_ascension in range(60, 301, 60):
            where = (np.deg2rad(180.0 - right_ascension), np.deg2rad(-3.0))
            ax.text(
                *where, f"{right_ascension}°", fontsize=11, ha="center", va="top", zorder=5, backgroundcolor="#FFFFFFB0"
            )
        ax.set_yticks(np.deg2rad([-60, -30, 0, 30, 60]))
        ax.grid(color="#888888", lw=0.5)
        scale = ScalarMappable(colours, "RdBu_r")
        bar = figure.colorbar(scale, ax=ax, orientation="horizontal", shrink=0.6, pad=0.04, extend="both")
        bar.set_label("mean of measured - predicted, km/s")
        title = f"Right ascension and declination; grey: fewer than {_FEWEST_IN_CELL} stars in {_CELL_DEG:g}° cells"
        ax.set_title(title, pad=18)
