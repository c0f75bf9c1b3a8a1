"""`astroscale model promote`, `rollback` and `shadow`: what the slots point at."""

import asyncio
from typing import Annotated, Any

import typer
from astroscale_shared.registry import DEFAULT_SLOT, SHADOW_SLOT, ModelAnnouncement, open_registry
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings, RegistrySettings

from astroscale_client import models
from astroscale_client.commands.model_options import Json, Url, Wait, wait_served
from astroscale_client.output import Exit, err, out, print_json

_Name = Annotated[str, typer.Argument(help="The model's name, as in `astroscale model list`, or NAME@VERSION.")]
_Version = Annotated[
    str | None,
    typer.Argument(help="Its version, or the beginning of it; by default the one published last.", show_default=False),
]


def promote_model(
    name: _Name,
    version: _Version = None,
    slot: Annotated[str, typer.Option(help="The slot to point at it.")] = DEFAULT_SLOT,
    wait: Wait = 0.0,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make a model the one that inference serves. `astroscale model rollback` goes back.

    Inference refuses a model whose hash, encoding or checks fail and keeps the old one; --wait finds out.

    [bold]Exit codes[/]: 0 announced (with --wait: served); 1 no such model, or not served; 4 Kafka does not answer.
    """
    _check_wait(wait, slot)
    kafka, registry = KafkaSettings.load(), open_registry(RegistrySettings.load())
    slots = asyncio.run(models.slots_of(kafka))
    ref = models.choose(registry, slots, *models.named(name, version))
    announced = asyncio.run(models.promote(kafka, registry, slots, ref, slot))
    _finish(announced, slots.get(slot), wait=wait, url=url, as_json=as_json)


def rollback_model(
    slot: Annotated[str, typer.Option(help="The slot to take back.")] = DEFAULT_SLOT,
    wait: Wait = 0.0,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Serve again what was served before the last promote.

    A second rollback goes further back, not forward again: a slot remembers its last five steps. To go forward,
    promote the version that this command prints as the one before.

    [bold]Exit codes[/]: 0 announced (with --wait: served); 1 nothing came before, or it is not served; 4 Kafka does not
    answer.
    """
    _check_wait(wait, slot)
    kafka, registry = KafkaSettings.load(), open_registry(RegistrySettings.load())
    slots = asyncio.run(models.slots_of(kafka))
    announced = asyncio.run(models.roll_back(kafka, registry, slots, slot))
    _finish(announced, slots.get(slot), wait=wait, url=url, as_json=as_json)


def shadow_model(
    name: Annotated[str | None, typer.Argument(help="The model's name, or NAME@VERSION.", show_default=False)] = None,
    version: _Version = None,
    off: Annotated[bool, typer.Option("--off", help="Score the stream without a candidate again.")] = False,
    as_json: Json = False,
) -> None:
    """Score the stream with a candidate beside the model in service. Its answers go nowhere but into metrics.

    The differences are astroscale_inference_shadow_* on inference's metrics and on the dashboard.

    [bold]Exit codes[/]: 0 announced; 1 no such model; 2 neither a name nor --off; 4 Kafka does not answer.
    """
    if (name is None) != off:
        raise AstroScaleError("usage", "either a model's name or --off")
    kafka = KafkaSettings.load()
    slots = asyncio.run(models.slots_of(kafka))
    before = slots.get(SHADOW_SLOT)
    if name is not None:
        registry = open_registry(RegistrySettings.load())
        ref = models.choose(registry, slots, *models.named(name, version))
        announced = asyncio.run(models.promote(kafka, registry, slots, ref, SHADOW_SLOT))
        _finish(announced, before, wait=0.0, url=None, as_json=as_json)
        return
    if before is not None:
        asyncio.run(models.withdraw(kafka, SHADOW_SLOT))
    if as_json:
        print_json({"slot": SHADOW_SLOT, "version": None, "replaces": _plain(before)})
    else:
        was = f"was {before.name} {before.version}" if before else "was empty already"
        out().print(f"slot [bold]{SHADOW_SLOT}[/] is empty ({was})", soft_wrap=True)


def _check_wait(wait: float, slot: str) -> None:
    if wait and slot != DEFAULT_SLOT:
        raise AstroScaleError("usage", "--wait asks the gateway, which serves the slot default only")


def _finish(
    announced: ModelAnnouncement, before: ModelAnnouncement | None, *, wait: float, url: str | None, as_json: bool
) -> None:
    """Say what the slot is now, and whether it is served where that was asked."""
    served = wait_served(announced.version, url, wait) if wait else None
    if as_json:
        document = announced.model_dump(mode="json") | {"replaces": _plain(before)}
        print_json(document | ({"served": served} if wait else {}))
    else:
        changed = before is not None and (before.name, before.version) != (announced.name, announced.version)
        replaced = f" (before: {before.name} {before.version})" if before and changed else ""
        out().print(
            f"slot [bold]{announced.slot}[/] is now {announced.name} {announced.version}{replaced}", soft_wrap=True
        )
        if served:
            out().print("[green]the gateway serves it[/]")
    if wait and not served:
        err().print(
            f"[bold red]error:[/] the gateway does not serve it after {wait:g} s; inference's log says why it refuses",
            soft_wrap=True,
        )
        raise typer.Exit(Exit.ERROR)


def _plain(announcement: ModelAnnouncement | None) -> dict[str, Any] | None:
    return announcement.model_dump(mode="json") if announcement else None
