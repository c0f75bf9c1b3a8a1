"""Subcommands of other members: found by entry point, and named with their extra where the member is not installed."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import typer
from astroscale_shared.runtime.errors import AstroScaleError

GROUP: Final = "astroscale.commands"
SCORERS: Final = "astroscale.scorers"


@dataclass(frozen=True, slots=True)
class Known:
    """A subcommand of a member: its package, the extra that installs it, and what it does."""

    name: str
    package: str
    extra: str
    text: str


KNOWN: Final = (
    Known("up", "astroscale_local", "local", "Start the whole system on this machine."),
    Known("down", "astroscale_local", "local", "Stop it, in order."),
    Known("doctor", "astroscale_local", "local", "Say what this machine lacks to run it."),
    Known("init-config", "astroscale_local", "local", "Write a commented config.toml."),
    Known("ingest", "astroscale_ingestor", "ingest", "Stream a table of stars into the system."),
    Known("train", "astroscale_training", "train", "Train the model."),
    Known("federation", "astroscale_federation", "federation", "Train one model across archives that keep their data."),
)


def register_all(app: typer.Typer, asked: str | None) -> None:
    """Add the members' subcommands: where a known one is asked for only its member's, else all, for the help."""
    package = next((known.package for known in KNOWN if known.name == asked), None)
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.value):
        if package is None or _package(point) == package:
            _register(app, point)
    there = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    for known in KNOWN:
        if known.name not in there and (package is None or known.package == package):
            _placeholder(app, known)


def scorer() -> Callable[..., Any]:
    """What opens a model in this process; AstroScaleError `not_installed` names the extra."""
    for point in entry_points(group=SCORERS):
        try:
            return point.load()
        except ImportError:
            continue
    raise AstroScaleError(
        "not_installed",
        "`astroscale predict --local` needs the extra inference: pip install 'astroscale[inference]'",
    )


def _package(point: EntryPoint) -> str:
    return point.module.split(".")[0]


def _register(app: typer.Typer, point: EntryPoint) -> None:
    try:
        register = point.load()
    except ImportError:
        # Its distribution is here and something that it needs is not; the placeholder says what to install.
        return
    register(app)


def _placeholder(app: typer.Typer, known: Known) -> None:
    def missing() -> None:
        raise AstroScaleError(
            "not_installed",
            f"`astroscale {known.name}` needs the extra {known.extra}: pip install 'astroscale[{known.extra}]'",
        )

    text = f"{known.text} [dim]Not installed: needs the extra {known.extra}.[/]"
    anything = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    app.command(known.name, help=text, context_settings=anything)(missing)
