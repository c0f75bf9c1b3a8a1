"""`astroscale model`: list, show, promote."""

import asyncio
import time
from typing import Annotated, Any, Final

import typer
from astroscale_shared.registry import DEFAULT_SLOT, ModelCard, open_registry
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings, RegistrySettings
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from astroscale_client import models, where
from astroscale_client.api import AstroScale
from astroscale_client.helptext import flow
from astroscale_client.output import Exit, err, number, out, print_json

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help=flow("""List, show and promote models.

A model is published under its own name; inference serves the slot [bold]default[/], which promote points at it.

[bold]Examples[/]

  astroscale model list
  astroscale model show default
  astroscale model promote federated-42 --wait 15
"""),
)

_JSON = Annotated[bool, typer.Option("--json", help="JSON.")]
_URL = Annotated[str | None, typer.Option(help="The gateway.", envvar="ASTROSCALE_URL", show_default=where.DEFAULT_URL)]
_POLL_S: Final = 0.3


@app.command("list")
def list_models(as_json: _JSON = False) -> None:
    """List the registry's versions and the slots that point at them; * is what inference should serve.

    [bold]Exit codes[/]: 0; 1 error. Without Kafka the registry is listed and the slots are not known.
    """
    slots = _slots_if_reachable()
    found = models.entries(open_registry(RegistrySettings.load()), slots or {})
    if as_json:
        print_json([_entry(entry) for entry in found])
        return
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("", "name", "version", "trained", "type", "slots"):
        shown.add_column(name)
    for entry in found:
        trained = f"{entry.trained_at:%Y-%m-%d %H:%M}" if entry.trained_at else "-"
        star = "[bold green]*[/]" if entry.is_default else ""
        slot = "?" if slots is None else ", ".join(entry.slots)
        shown.add_row(star, entry.name, entry.version, trained, escape(entry.model_type), slot)
    out().print(shown if found else Text("the registry is empty"))


@app.command("show")
def show_model(
    name: Annotated[str, typer.Argument(help="The model's name.")],
    version: Annotated[str | None, typer.Argument(help="Its version, or the beginning of it.")] = None,
    as_json: _JSON = False,
) -> None:
    """Show a model's card: what it learnt from, how good it is, how well its intervals hold.

    Its hashes are verified. [bold]Exit codes[/]: 0; 1 no such model, or damaged.
    """
    registry = open_registry(RegistrySettings.load())
    slots = {} if version else _slots_if_reachable() or {}
    ref = models.choose(registry, slots, name, version)
    _, card = registry.load(ref.name, ref.version)
    if as_json:
        print_json(card.model_dump(mode="json"))
    else:
        out().print(_card(card))


@app.command("promote")
def promote_model(
    name: Annotated[str, typer.Argument(help="The model's name, as in `astroscale model list`.")],
    version: Annotated[
        str | None,
        typer.Argument(
            help="Its version, or the beginning of it; by default the one published last.", show_default=False
        ),
    ] = None,
    slot: Annotated[str, typer.Option(help="The slot to point at it.")] = DEFAULT_SLOT,
    wait: Annotated[float, typer.Option(min=0.0, help="Seconds to wait until the gateway serves it.")] = 0.0,
    url: _URL = None,
    as_json: _JSON = False,
) -> None:
    """Make a model the one that inference serves. The old one stays in the registry: promote it to go back.

    Inference refuses a model whose hash, encoding or checks fail and keeps the old one; --wait finds out.

    [bold]Exit codes[/]: 0 announced (with --wait: served); 1 no such model, or not served; 4 Kafka does not answer.
    """
    kafka, registry = KafkaSettings.load(), open_registry(RegistrySettings.load())
    if wait and slot != DEFAULT_SLOT:
        raise AstroScaleError("usage", "--wait asks the gateway, which serves the slot default only")
    slots = asyncio.run(models.slots_of(kafka))
    ref = models.choose(registry, slots, name, version)
    before = slots.get(slot)
    announced = asyncio.run(models.promote(kafka, registry, ref, slot))
    served = _wait_served(announced.version, url, wait) if wait else None
    if as_json:
        document = announced.model_dump(mode="json") | {"replaces": before.model_dump(mode="json") if before else None}
        print_json(document | ({"served": served} if wait else {}))
    else:
        replaced = f" (was {before.name} {before.version})" if before and before.version != ref.version else ""
        out().print(f"slot [bold]{slot}[/] is now {ref.name} {ref.version}{replaced}", soft_wrap=True)
        if served:
            out().print("[green]the gateway serves it[/]")
    if wait and not served:
        err().print(
            f"[bold red]error:[/] the gateway does not serve it after {wait:g} s; inference's log says why it refuses",
            soft_wrap=True,
        )
        raise typer.Exit(Exit.ERROR)


def _slots_if_reachable() -> models.Slots | None:
    try:
        return asyncio.run(models.slots_of(KafkaSettings.load()))
    except AstroScaleError as error:
        if error.code not in ("kafka_unreachable", "topic_missing"):
            raise
        err().print(
            f"[yellow]note:[/] {escape(error.message)}, so which slot points where is not known", soft_wrap=True
        )
        return None


def _wait_served(version: str, url: str | None, seconds: float) -> bool:
    end = time.monotonic() + seconds
    with AstroScale(url, timeout=5.0, retries=0) as scale:
        while True:
            try:
                if scale.model().get("version") == version:
                    return True
            except AstroScaleError as error:
                if not error.retryable:
                    raise
            if time.monotonic() > end:
                return False
            time.sleep(_POLL_S)


def _entry(entry: models.Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "version": entry.version,
        "trained_at": entry.trained_at,
        "model_type": entry.model_type,
        "encoding_version": entry.encoding_version,
        "slots": list(entry.slots),
        "default": entry.is_default,
        "in_registry": entry.in_registry,
    }


def _card(card: ModelCard) -> RenderableType:
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
    if not card.calibration:
        return grid
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
    return Group(grid, Text(), shown)


def register(parent: typer.Typer) -> None:
    """Add `model`."""
    parent.add_typer(app, name="model")
