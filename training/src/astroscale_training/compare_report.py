"""The comparison of candidates as a table and as a figure."""

import io
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from astroscale_training.compare import CLEAN, FOLDINGS, Comparison, Standing

_SHOWN_FROM: Final = -0.02
_INK: Final = "#1f2933"
_COLOURS: Final = {"shuffled": "#0072b2", "sky_block": "#e69f00"}
"""Two of Okabe and Ito's colours, told apart by every eye."""


def table(comparison: Comparison) -> Table:
    """R2 as shuffled / sky-block, in the order of complexity."""
    columns = list(comparison.standings[0].r2["shuffled"])
    out = Table(title="R2 on the same held-out stars: shuffled / sky-block folds", caption=comparison.verdict)
    out.add_column("candidate")
    for name in columns:
        out.add_column(name.replace("_", " "), justify="right")
    for name in ("score", "to best", "s a fit"):
        out.add_column(name, justify="right")
    best = next(s.score for s in comparison.standings if s.name == comparison.best)
    for s in comparison.standings:
        behind = "" if s.name == comparison.best else f"{s.score - best:+.3f} ±{s.standard_error:.3f}"
        seconds = "" if s.fit_seconds is None else f"{s.fit_seconds:.1f}"
        figures = [" / ".join(f"{s.r2[f][name]:.3f}".replace("0.", ".", 1) for f in FOLDINGS) for name in columns]
        out.add_row(_name(s), *figures, f"{s.score:.3f}", behind, seconds, style=_style(s, comparison))
    return out


def _name(s: Standing) -> str:
    return s.name + (" (cannot ship)" if not s.ships else " (each table alone)" if s.alone else "")


def _style(s: Standing, comparison: Comparison) -> str:
    return "bold" if s.name == comparison.winner else "dim" if not s.ships else ""


def draw(comparison: Comparison, path: Path) -> None:
    """Write the figure: R2 of each candidate, mean over the tables and on the clean stars where there are some.

    The same comparison gives the same bytes.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"font.size": 9, "text.color": _INK, "axes.labelcolor": _INK, "ytick.color": _INK}):
        figure = Figure(figsize=(9.6, 4.2), layout="constrained")
        names = list(comparison.standings[0].r2["shuffled"])
        titles = {None: "mean over the tables"} | ({CLEAN: "clean stars of multi_survey"} if CLEAN in names else {})
        axes = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
        for axis, (part, title) in zip(axes, titles.items(), strict=True):
            _panel(axis, comparison, part, title)
        labels = [_name(s) for s in comparison.standings]
        axes[0].set_yticks(range(len(labels)), labels)
        for tick, s in zip(axes[0].get_yticklabels(), comparison.standings, strict=True):
            tick.set_fontweight("bold" if s.name == comparison.winner else "normal")
        axes[0].invert_yaxis()
        axes[0].set_title("Candidates, the simplest first; the rule's choice in bold", loc="left", fontsize=10, pad=24)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=130, metadata={"Software": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(drawn.getvalue())


def _panel(axis: Any, comparison: Comparison, part: str | None, title: str) -> None:
    for row, s in enumerate(comparison.standings):
        ends = {f: _value(s, f, part) for f in FOLDINGS}
        axis.plot(list(ends.values()), [row, row], color="#9aa5b1", linewidth=2, zorder=1)
        for folding, value in ends.items():
            axis.scatter(
                value, row, s=42, color=_COLOURS[folding], zorder=2, label=_label(folding) if row == 0 else None
            )
        axis.annotate(
            " / ".join(f"{value:.3f}" for value in ends.values()),
            (max(ends.values()), row),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=_INK,
        )
    axis.set_xlim(left=min(_SHOWN_FROM, axis.get_xlim()[0]), right=axis.get_xlim()[1] + 0.2)
    axis.grid(axis="x", color="#e4e7eb")
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel(f"R² on held-out stars, {title}")
    axis.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False, fontsize=8)


def _label(folding: str) -> str:
    return {"shuffled": "shuffled folds", "sky_block": "unseen sky"}[folding]


def _value(s: Standing, folding: str, part: str | None) -> float:
    if part is not None:
        return s.r2[folding][part]
    tables = [v for name, v in s.r2[folding].items() if name not in (CLEAN, "within surveys")]
    return sum(tables) / len(tables)
