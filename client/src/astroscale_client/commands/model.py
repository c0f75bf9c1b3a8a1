"""`astroscale model`: list and show; the other subcommands are registered here."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer
from astroscale_shared.registry import open_registry
from astroscale_shared.runtime.settings import RegistrySettings
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from astroscale_client import models
from astroscale_client.commands import model_compare, model_publish, model_slots
from astroscale_client.commands.model_card import card_table
from astroscale_client.commands.model_options import Json, slots_if_reachable
from astroscale_client.helptext import flow
from astroscale_client.output import out, print_json

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help=flow("""List, show, publish, compare and promote models.

Publishing stores a model; nothing serves it yet. Inference serves the slot [bold]default[/], which promote and
rollback move, and scores the stream beside it with the slot [bold]shadow[/].

[bold]Examples[/]

  astroscale model publish models/default/0123456789ab
  astroscale model compare default@0123 default@4567
  astroscale model shadow default 0123               try it on the stream
  astroscale model promote default 0123 --wait 15    serve it
  astroscale model rollback --wait 15                serve what was served before
"""),
)


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """List the registry's versions and the slots that point at them; * is what inference should serve.

    [bold]Exit codes[/]: 0; 1 error. Without Kafka the registry is listed and the slots are not known.
    """
    slots = slots_if_reachable()
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
    name: Annotated[str, typer.Argument(help="The model's name, or NAME@VERSION.")],
    version: Annotated[str | None, typer.Argument(help="Its version, or the beginning of it.")] = None,
    as_json: Json = False,
) -> None:
    """Show a model's card: what it learnt from, how good it is, how well its intervals hold.

    Its hashes are verified. [bold]Exit codes[/]: 0; 1 no such model, or damaged.
    """
    registry = open_registry(RegistrySettings.load())
    name, version = models.named(name, version)
    slots = {} if version else slots_if_reachable() or {}
    ref = models.choose(registry, slots, name, version)
    _, card = registry.load(ref.name, ref.version)
    if as_json:
        print_json(card.model_dump(mode="json"))
    else:
        out().print(card_table(card))


def _add(name: str, command: Callable[..., None]) -> None:
    app.command(name, help=flow(inspect.cleandoc(command.__doc__ or "")))(command)


_add("publish", model_publish.publish_model)
_add("compare", model_compare.compare_models)
_add("shadow", model_slots.shadow_model)
_add("promote", model_slots.promote_model)
_add("rollback", model_slots.rollback_model)


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


def register(parent: typer.Typer) -> None:
    """Add `model`."""
    parent.add_typer(app, name="model")
