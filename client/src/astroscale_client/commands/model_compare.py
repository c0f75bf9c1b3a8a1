"""`astroscale model compare`: two cards side by side."""

from typing import Annotated

import typer
from astroscale_shared.registry import Calibration, Metric, Registry, open_registry
from astroscale_shared.runtime.settings import RegistrySettings
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from astroscale_client import comparison, models
from astroscale_client.commands.model_options import Json, slots_if_reachable
from astroscale_client.output import number, out, print_json

_HELP = "A model: NAME, NAME@VERSION or NAME/VERSION; a version may be abbreviated."


def compare_models(
    a: Annotated[str, typer.Argument(help=_HELP, show_default=False)],
    b: Annotated[str, typer.Argument(help="Another.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Put the cards of two models side by side: what they learnt from, how good they are, how their intervals hold.

    ± is the spread over the folds. A difference is B - A. Figures on different data do not compare like with like: that
    is said where it is so. Both models' hashes are verified.

    [bold]Exit codes[/]: 0; 1 no such model, or damaged.
    """
    registry = open_registry(RegistrySettings.load())
    named = models.named(a), models.named(b)
    slots = {} if all(version for _, version in named) else slots_if_reachable() or {}
    compared = comparison.compare(*(_side(registry, slots, name, version) for name, version in named))
    if as_json:
        print_json(compared.to_document())
    else:
        out().print(_shown(compared))


def _side(registry: Registry, slots: models.Slots, name: str, version: str | None) -> comparison.Side:
    ref = models.choose(registry, slots, name, version)
    onnx, card = registry.load(ref.name, ref.version)
    return comparison.Side(card, len(onnx))


def _shown(compared: comparison.Comparison) -> RenderableType:
    parts: list[RenderableType] = [_heads(compared), Text()]
    if not compared.same_data:
        parts += [
            Text("they learnt from different data: their figures do not compare like with like", "yellow"),
            Text(),
        ]
    if compared.metrics:
        parts += [_metrics(compared), Text()]
    if compared.calibration:
        parts += [_calibration(compared), Text()]
    return Group(*parts, _stars(compared))


def _heads(compared: comparison.Comparison) -> Table:
    shown = _table("", "A", "B")
    a, b = compared.a, compared.b
    shown.add_row("model", *(f"[bold]{side.card.name} {side.card.version}[/]" for side in (a, b)))
    shown.add_row("type", *(escape(side.card.model_type) for side in (a, b)))
    shown.add_row("trained", *(f"{side.card.trained_at:%Y-%m-%d %H:%M %Z}" for side in (a, b)))
    shown.add_row("encoding", *(f"{side.card.encoding_version}" for side in (a, b)))
    shown.add_row("model.onnx", *(f"{number(side.onnx_bytes)} bytes" for side in (a, b)))
    shown.add_row("known failures", *(f"{len(side.card.known_failures)}" for side in (a, b)))
    return shown


def _metrics(compared: comparison.Comparison) -> Table:
    shown = _table("metric", "A", "B", "B - A", "unit", right=("A", "B", "B - A"))
    for row in compared.metrics:
        difference = "" if row.difference is None else f"{row.difference:+.3g}"
        shown.add_row(escape(row.name), _metric(row.a), _metric(row.b), difference, "" if row.unit == "-" else row.unit)
    return shown


def _metric(metric: Metric | None) -> str:
    if metric is None:
        return "-"
    return f"{metric.value:.4g}" + (f" ± {metric.spread:.2g}" if metric.spread is not None else "")


def _calibration(compared: comparison.Comparison) -> Table:
    columns = ("level", "coverage A", "coverage B", "width A", "width B")
    shown = _table("interval, by group", *columns, right=columns)
    for row in compared.calibration:
        shown.add_row(
            escape(row.pattern), f"{row.level:.0%}", _coverage(row.a), _coverage(row.b), _width(row.a), _width(row.b)
        )
    return shown


def _coverage(row: Calibration | None) -> str:
    if row is None:
        return "-"
    return f"{row.coverage:.1%}" + (f" ± {row.coverage_spread:.1%}" if row.coverage_spread is not None else "")


def _width(row: Calibration | None) -> str:
    return "-" if row is None else f"{row.mean_width_kms:.1f} km/s"


def _stars(compared: comparison.Comparison) -> Group:
    counts = _table("stars of", "A", "B", right=("A", "B"))
    for survey, (a, b) in compared.counts.items():
        counts.add_row(escape(survey), number(a), number(b))
    data = _table("table", "bytes")
    for row in compared.data:
        only = "only A" if row.b_sha256 is None else "only B" if row.a_sha256 is None else "different"
        data.add_row(escape(row.file), "the same" if row.same else f"[yellow]{only}[/]")
    shown = ([counts, Text()] if compared.counts else []) + ([data] if compared.data else [])
    return Group(*shown)


def _table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        shown.add_column(column, justify="right" if column in right else "left")
    return shown
