"""`astroscale ingest FILE`: the ingestor's library in the user's own process."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from astroscale_ingestor.ingest import Plan, ingest, plan
from astroscale_ingestor.progress import Progress as Run


def register(app: typer.Typer) -> None:
    """Add `ingest` to the astroscale command."""
    app.command("ingest")(ingest_command)


def ingest_command(
    file: Annotated[Path, typer.Argument(help="A star table: CSV (with a header line) or Parquet.")],
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", help="TARGET=COLUMN, as often as needed, for example --map teff=teff_gspphot."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Publish a file, whole, that was ingested before or has changed since.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the run as JSON.")] = False,
) -> None:
    """Publish a star table to the raw topic.

    Columns are taken by name (ra, dec, teff, logg, fe_h, snr, parallax, pmra, pmdec, rv_kms, source_id, survey) in the
    units of the documentation. Stopped at any moment and started again, it goes on where it was: no row is lost or
    repeated. Exit codes: 0 published, 1 not.
    """
    logging.configure("ingest", "warning")
    errors = Console(stderr=True)
    try:
        what = plan(file, _pairs(map_ or []))
        kafka = KafkaSettings.load()
        run = asyncio.run(_run(kafka, what, again=again, console=errors, quiet=as_json))
    except AstroScaleError as error:
        errors.print(f"[red]not ingested:[/red] {error.message}", highlight=False)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        errors.print("stopped; the same command goes on where it was")
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(json.dumps(run.model_dump()))
    else:
        Console().print(f"published [bold]{run.rows:,}[/bold] rows of {run.file} as run {run.run_id}", highlight=False)


async def _run(kafka: KafkaSettings, what: Plan, *, again: bool, console: Console, quiet: bool) -> Run:
    if not quiet:
        pairs = ", ".join(t if t == c else f"{t} <- {c}" for t, c in what.mapping.columns.items())
        console.print(f"columns: {pairs}", highlight=False)
        if what.mapping.unused:
            console.print(f"left aside: {', '.join(what.mapping.unused)}", style="dim", highlight=False)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=quiet,
    ) as bar:
        task = bar.add_task(what.path.name, total=what.reader.rows())
        return await ingest(kafka, what, again=again, on_progress=lambda run: bar.update(task, completed=run.rows))


def _pairs(given: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        target, equals, column = text.partition("=")
        if not equals or not target or not column:
            raise AstroScaleError("bad_map", f"--map {text}: write TARGET=COLUMN")
        pairs[target] = column
    return pairs
