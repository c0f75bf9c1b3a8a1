"""`astroscale model publish`: a trained model into the registry."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from astroscale_shared.registry import open_registry
from astroscale_shared.runtime.settings import KafkaSettings, RegistrySettings

from astroscale_client import models, publishing
from astroscale_client.commands.model_options import Json
from astroscale_client.output import out, print_json


def publish_model(
    path: Annotated[
        Path,
        typer.Argument(
            help="A folder with model.onnx and card.json, as training writes it, or an ONNX file.", show_default=False
        ),
    ],
    card: Annotated[Path | None, typer.Option(help="The card of an ONNX file, card.json.", show_default=False)] = None,
    name: Annotated[
        str | None, typer.Option(help="The name to publish it under; by default the card's.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Store a model in the registry, under its name and the hash of its graph. Nothing serves it until it is promoted.

    Checked before: its hashes (SHA256SUMS where there is one, and the card's), its card, its encoding, its parity gate.
    The graph itself is checked by inference when it is promoted. The same bytes again change nothing. The slot of its
    name then points at it; the slots default and shadow are left alone, for only promote and shadow move those.

    [bold]Exit codes[/]: 0 published; 1 refused; 2 not there, or no card or name; 4 Kafka does not answer.
    """
    candidate = publishing.read(path, card, name)
    kafka, registry = KafkaSettings.load(), open_registry(RegistrySettings.load())
    # Asked first: a model that is stored and not announced would be half published.
    slots = {} if candidate.name in publishing.SERVED_SLOTS else asyncio.run(models.slots_of(kafka))
    done = asyncio.run(publishing.publish(kafka, registry, slots, candidate))
    if as_json:
        announced = done.announcement.model_dump(mode="json") if done.announcement else None
        print_json(
            {
                "name": done.ref.name,
                "version": done.ref.version,
                "sha256": done.ref.sha256,
                "location": done.ref.location,
                "new": done.is_new,
                "announced": announced,
            }
        )
        return
    known = "" if done.is_new else " (it was there already; its first card stays)"
    out().print(f"published [bold]{done.ref.name} {done.ref.version}[/] at {done.ref.location}{known}", soft_wrap=True)
    out().print(f"serve it: astroscale model promote {done.ref.name} {done.ref.version}", soft_wrap=True)
