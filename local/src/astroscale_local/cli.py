"""The subcommands that this package adds to `astroscale`: up, down, doctor, init-config."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from astroscale_shared.runtime.errors import AstroScaleError
from rich.console import Console
from rich.table import Column, Table

from astroscale_local import commands, init_config, plan
from astroscale_local import doctor as examination
from astroscale_local.errors import LocalError

_MARKS = {"ok": "[green]✓[/]", "note": "[yellow]•[/]", "missing": "[red]✗[/]"}


@contextmanager
def _said_clearly() -> Generator[None]:
    """Turns the errors that a person can act on into sentences on standard error and exit code 1."""
    console = Console(stderr=True)
    try:
        yield
    except LocalError as error:
        if error.details:
            console.print(error.details, style="dim", markup=False, highlight=False, soft_wrap=True)
        console.print(error.message, style="bold red", markup=False, highlight=False, soft_wrap=True)
        if error.way_out:
            console.print(error.way_out, markup=False, highlight=False, soft_wrap=True)
        done = isinstance(error, commands.AlreadyRunningError) and error.ready
        raise typer.Exit(0 if done else 1) from None
    except AstroScaleError as error:
        console.print(error.message, style="bold red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once everything is ready.")] = False,
    replicas: Annotated[
        list[str] | None, typer.Option(help="More processes of a service, as inference=2. May be repeated.")
    ] = None,
    sample: Annotated[
        bool | None,
        typer.Option("--sample/--no-sample", help="Stream the sample again, or not at all. By default: once."),
    ] = None,
) -> None:
    """Start Kafka, Redis and the services on this machine, stream the sample, and stay until Ctrl-C.

    A crashed service is started again. Everything lives in one folder, .astroscale/ unless set otherwise.

    Exit codes: 0 stopped in order, or already running; 1 something stands in the way, and is said.
    """
    with _said_clearly():
        chosen = plan.parse_replicas(replicas or [])
        console = Console()
        if detach:
            arguments = [f"--replicas={text}" for text in replicas or []]
            if sample is not None:
                arguments.append("--sample" if sample else "--no-sample")
            commands.up_detached(console, arguments)
        else:
            commands.up(console, replicas=chosen, with_sample=sample is not False, sample_again=sample is True)


def down(
    wipe: Annotated[bool, typer.Option("--wipe", help="Remove the data, the registry and the logs too.")] = False,
) -> None:
    """Stop what `up` started: the gateway first, Kafka last. Cleans up after a run that ended badly, too.

    Exit codes: 0 nothing runs any more; 1 something would not stop, and is said.
    """
    with _said_clearly():
        commands.down(Console(), wipe=wipe)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Say what this machine has and what it lacks to run AstroScale.

    Exit codes: 0 it can run here; 1 something that is needed is missing.
    """
    with _said_clearly():
        findings = examination.examine()
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in findings], indent=1))
    else:
        table = Table("", "what", Column("found", overflow="fold"), "what to do", box=None, header_style="bold")
        for one in findings:
            table.add_row(_MARKS[one.verdict], one.what, one.found, one.advice)
        Console().print(table)
    if any(one.verdict == "missing" for one in findings):
        raise typer.Exit(1)


def write_config(
    path: Annotated[Path, typer.Argument(help="Where to write.")] = Path("config.toml"),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a commented config.toml with every setting at its default.

    Exit codes: 0 written; 1 the file is there already.
    """
    with _said_clearly():
        init_config.write(path, force=force)
        Console().print(f"Wrote {path}.", soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Adds the commands; this is the entry point of the group `astroscale.commands`."""
    app.command("up")(up)
    app.command("down")(down)
    app.command("doctor")(doctor)
    app.command("init-config")(write_config)


def main() -> None:
    """`python -m astroscale_local`."""
    app = typer.Typer(no_args_is_help=True, help="Runs AstroScale on one machine without containers.")
    register(app)
    app()
