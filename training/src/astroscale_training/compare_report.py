"""The comparison of candidates as a figure."""

from pathlib import Path
from typing import Any, Final

from astroscale_training.compare import FOLDINGS, WITHIN_SURVEYS, Comparison, Standing
from astroscale_training.style import COLOURS, INK, MARKERS, drawn
from astroscale_training.tables import CLEAN

_SHOWN_FROM: Final = -0.02
_LABELS: Final = {"shuffled": "shuffled folds", "sky_block": "unseen sky"}


def draw(comparison: Comparison, path: Path) -> None:
    """Write the figure: R2 of each candidate, mean over the tables and on the clean stars where there are some."""
    standings = comparison.standings
    titles = {None: "mean over the tables"} | ({CLEAN: "clean stars"} if CLEAN in standings[0].r2["shuffled"] else {})
    with drawn(path, 4.0 + 4.6 * len(titles), 0.42 * len(standings) + 1.6) as figure:
        axes = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
        for axis, (part, title) in zip(axes, titles.items(), strict=True):
            _panel(axis, standings, part, title)
        axes[0].set_yticks(range(len(standings)), [_name(s) for s in standings])
        for tick, s in zip(axes[0].get_yticklabels(), standings, strict=True):
            tick.set_fontweight("bold" if s.name == comparison.winner else "normal")
        axes[0].invert_yaxis()
        figure.suptitle("Candidates, the simplest first; the rule's choice in bold", fontsize=14)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(FOLDINGS))


def _name(s: Standing) -> str:
    return s.name + (" (cannot ship)" if not s.ships else " (each table alone)" if s.alone else "")


def _panel(axis: Any, standings: tuple[Standing, ...], part: str | None, title: str) -> None:
    by_folding = {folding: [_value(s, folding, part) for s in standings] for folding in FOLDINGS}
    rows = range(len(standings))
    ends = list(zip(*by_folding.values(), strict=True))
    axis.hlines(rows, [min(e) for e in ends], [max(e) for e in ends], color="#9AA5B1", zorder=1)
    for (folding, values), colour, marker in zip(by_folding.items(), COLOURS, MARKERS, strict=False):
        axis.plot(values, rows, color=colour, marker=marker, ls="", ms=7, label=_LABELS[folding])
    for row, values in enumerate(ends):
        text = " / ".join(f"{value:.3f}" for value in values)
        axis.annotate(
            text, (max(values), row), xytext=(8, 0), textcoords="offset points", va="center", fontsize=11, color=INK
        )
    low, high = axis.get_xlim()
    axis.set_xlim(min(_SHOWN_FROM, low), high + 0.35 * (high - low))
    axis.grid(axis="x", color="#DDDDDD", lw=0.8)
    axis.tick_params(axis="y", length=0)
    axis.set(xlabel="R² on stars held out", title=title)


def _value(s: Standing, folding: str, part: str | None) -> float:
    if part is not None:
        return s.r2[folding][part]
    tables = [value for name, value in s.r2[folding].items() if name not in (CLEAN, WITHIN_SURVEYS)]
    return sum(tables) / len(tables)
