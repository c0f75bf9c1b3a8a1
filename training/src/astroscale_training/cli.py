"""Commands: thin shells over the modules of this package, which are imported only when a command runs."""

import re
import shlex
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from astroscale_shared.registry import DEFAULT_SLOT, SHADOW_SLOT, ModelRef, check_name
from astroscale_shared.runtime.errors import AstroScaleError
from rich.console import Console

from astroscale_training.settings import Normalization, TrainingSettings

DEFAULT_OUT: Final = Path("models")


def register(app: typer.Typer) -> None:
    """Add `train` to a command (entry point group `astroscale.commands`)."""
    app.command("train")(train_command)


def register_simulate(app: typer.Typer) -> None:
    """Add `simulate`; the mock catalogue is a matter of this project, not of its users."""
    app.command("simulate")(simulate_command)


def train_command(
    table: Annotated[
        list[Path] | None,
        typer.Option(
            help="A star table: .csv, .parquet, or by astropy .fits, .ecsv, .vot. May be given several times.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Instead: a folder of star tables (*.csv).", show_default="that of the settings")
    ] = None,
    out: Annotated[Path, typer.Option(help="Registry folder that the model is written into.")] = DEFAULT_OUT,
    name: Annotated[
        str | None,
        typer.Option(help="The model's name.", show_default="the first table's; of a folder of tables: default"),
    ] = None,
    normalization: Annotated[
        Normalization | None, typer.Option(help="The graph's first node.", show_default="that of the settings")
    ] = None,
    trust_units: Annotated[
        bool, typer.Option("--trust-units", help="Go on where a column looks like another unit.")
    ] = False,
    correct_zero_points: Annotated[
        bool,
        typer.Option(
            "--correct-zero-points",
            help="Subtract a survey's offset: more than 30 stars in common with others, beyond 3 sigma.",
        ),
    ] = False,
    compare: Annotated[
        bool, typer.Option("--compare/--no-compare", help="Fit the other candidates too and put them into the card.")
    ] = True,
    docs: Annotated[
        Path | None, typer.Option(help="Folder for the card in Markdown and its figures.", show_default=False)
    ] = None,
) -> None:
    """Fit a model on star tables, check it, and write graph, card and hashes.

    Columns by exactly these names: ra, dec, rv_kms, and where they are there
    teff, logg, fe_h, snr, parallax, pmra, pmdec, survey, source_id.
    Units are converted where a file has them. Nothing serves the model before
    `astroscale model publish` and `promote`.

    Exit code 1 where the tables cannot be used or the graph is not the model; then nothing is written.
    """
    from astroscale_training.pipeline import train
    from astroscale_training.report import print_card

    if table and data:
        raise typer.BadParameter("--table and --data exclude each other")
    console = Console()
    started = time.monotonic()

    def say(step: str) -> None:
        console.print(f"[dim]{time.monotonic() - started:6.1f} s[/dim]  ", end="")
        console.print(step, markup=False, highlight=False)

    given: dict[str, object] = {}
    if table or data:
        given = {"tables": tuple(table or ()), "data": data}
    given |= {"normalization": normalization, "trust_units": trust_units or None}
    given |= {"correct_zero_points": correct_zero_points or None}
    try:
        settings = TrainingSettings.load().model_copy(update={k: v for k, v in given.items() if v is not None})
        chosen = name or (name_for(settings.tables[0]) if settings.tables else DEFAULT_SLOT)
        check_name(chosen)
        ref, card = train(
            settings, out=out, name=chosen, trained_at=datetime.now(UTC), say=say, docs=docs, compare=compare
        )
    except AstroScaleError as error:
        Console(stderr=True).print(f"{error.code}: {error.message}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    print_card(card, console)
    say(f"model {ref.address} is in {ref.path}")
    console.print(next_steps(ref), markup=False, highlight=False, soft_wrap=True)


def name_for(table: Path) -> str:
    """A model's name of a file's, never one that inference follows: `My Stars.fits` -> `my-stars`."""
    name = re.sub(r"[^a-z0-9._-]+", "-", table.stem.lower()).strip("._-")[:60] or "model"
    return f"{name}-model" if name in (DEFAULT_SLOT, SHADOW_SLOT) else name


def next_steps(ref: ModelRef) -> str:
    """What to do with a trained model."""
    which = f"{ref.name} {ref.version}"
    steps = (
        ("store it in the running system's registry", f"astroscale model publish {shlex.quote(str(ref.path))}"),
        ("compare it with the serving model on the stream", f"astroscale model shadow {which}"),
        ("serve it", f"astroscale model promote {which}"),
        ("go back", "astroscale model rollback"),
    )
    return "\n".join(["Next:", *(f"  {command:<60}  {what}" for what, command in steps)])


def simulate_command(
    out: Annotated[Path, typer.Option(help="The table to write.")] = Path("data/sample/mock_catalogue.csv"),
    rows: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many stars.")] = 5_000,
    seed: Annotated[int, typer.Option(help="Another seed, other stars.")] = 1,
) -> None:
    """Write a mock catalogue of thin disc, thick disc and halo."""
    from astroscale_training.simulate import simulate, write_csv

    write_csv(simulate(rows, seed), out)
    Console().print(f"{rows} simulated stars written to {out}")
