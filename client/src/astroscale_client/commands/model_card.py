"""A model's card on the terminal."""

from astroscale_shared.registry import ModelCard
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from astroscale_client.output import number


def card_table(card: ModelCard) -> RenderableType:
    """A card as people read it."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("model", f"[bold]{card.name} {card.version}[/]")
    grid.add_row("type", escape(card.model_type))
    grid.add_row("trained", f"{card.trained_at:%Y-%m-%d %H:%M %Z}")
    grid.add_row("encoding", f"{card.encoding_version} ({len(card.feature_names)} features), {card.normalization}")
    surveys = ", ".join(f"{name} {number(rows)}" for name, rows in card.counts_per_survey.items())
    grid.add_row("learnt from", escape(surveys) or "-")
    for name, metric in card.metrics.items():
        spread = f" ± {metric.spread:.3g}" if metric.spread is not None else ""
        grid.add_row(escape(name), f"{metric.value:.4g}{spread} {'' if metric.unit == '-' else metric.unit}")
    parity = card.parity
    grid.add_row("parity", f"{parity.max_error_kms:.2g} km/s at most over {number(parity.rows)} rows")
    grid.add_row("licence", card.licence)
    for index, failure in enumerate(card.known_failures):
        grid.add_row("" if index else "known failures", escape(failure))
    parts: list[RenderableType] = [grid]
    if card.features:
        parts += [Text(), _features(card)]
    if card.calibration:
        parts += [Text(), _calibration(card)]
    return Group(*parts)


def _features(card: ModelCard) -> Table:
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("input", "from", "to", "unit", ""):
        shown.add_column(name, justify="right" if name in ("from", "to") else "left")
    for one in card.features:
        shown.add_row(escape(one.name), f"{one.low:.4g}", f"{one.high:.4g}", escape(one.unit), escape(one.description))
    return shown


def _calibration(card: ModelCard) -> Table:
    shown = Table(box=None, header_style="bold", pad_edge=False)
    shown.add_column("interval, inputs missing")
    for name in ("rows", "level", "coverage", "width km/s"):
        shown.add_column(name, justify="right")
    for row in card.calibration:
        shown.add_row(
            escape(row.pattern),
            number(row.rows),
            f"{row.level:.0%}",
            f"{row.coverage:.1%}",
            f"{row.mean_width_kms:.0f}",
        )
    return shown
