"""Commands: thin shells over the modules of this package, which are imported only when a command runs."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from astroscale_shared.runtime.errors import AstroScaleError
from rich.console import Console

from astroscale_training.settings import Normalization, TrainingSettings


def register(app: typer.Typer) -> None:
    """Add `train` to a command (entry point group `astroscale.commands`)."""
    app.command("train")(train_command)


def register_simulate(app: typer.Typer) -> None:
    """Add `simulate`; the mock catalogue is a matter of this project, not of its users."""
    app.command("simulate")(simulate_command)


def train_command(
    data: Annotated[Path | None, typer.Option(help="Folder of star tables (*.csv); else that of the settings.")] = None,
    out: Annotated[Path, typer.Option(help="Folder that the model is published into.")] = Path("models"),
    name: Annotated[str, typer.Option(help="The model's name.")] = "default",
    normalization: Annotated[
        Normalization | None, typer.Option(help="The graph's first node; else that of the settings.")
    ] = None,
) -> None:
    """Fit the model on star tables, check it, and write graph, card and hashes.

    Exit code 1 where the tables cannot be used or the graph is not the model; then nothing is written.
    """
    from astroscale_training.pipeline import train
    from astroscale_training.report import print_card

    console = Console()
    started = time.monotonic()

    def say(step: str) -> None:
        console.print(f"[dim]{time.monotonic() - started:6.1f} s[/dim]  {step}")

    given = {key: value for key, value in (("data", data), ("normalization", normalization)) if value is not None}
    try:
        settings = TrainingSettings.load().model_copy(update=given)
        ref, card = train(settings, out=out, name=name, trained_at=datetime.now(UTC), say=say)
    except AstroScaleError as error:
        Console(stderr=True).print(f"{error.code}: {error.message}", markup=False, highlight=False)
        raise typer.Exit(1) from error
    print_card(card, console)
    say(f"model {ref.address} is in {ref.path}")


def simulate_command(
    out: Annotated[Path, typer.Option(help="The table to write.")] = Path("data/sample/mock_catalogue.csv"),
    rows: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many stars.")] = 5_000,
    seed: Annotated[int, typer.Option(help="Another seed, other stars.")] = 1,
) -> None:
    """Write a mock catalogue of thin disc, thick disc and halo."""
    from astroscale_training.simulate import simulate, write_csv

    write_csv(simulate(rows, seed), out)
    Console().print(f"{rows} simulated stars written to {out}")
