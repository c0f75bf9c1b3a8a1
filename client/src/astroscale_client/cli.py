"""The `astroscale` command: own subcommands here, those of other members by entry point."""

import importlib
import logging as stdlib_logging
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated, Final

import typer
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError

from astroscale_client import plugins, where
from astroscale_client.helptext import flow
from astroscale_client.output import Exit, exit_code, say

HELP: Final = """Line-of-sight velocities with honest intervals for streams of stars.

[bold]Examples[/]

  astroscale up                                           start everything
  astroscale predict 200.12 -47.33 5800 4.3 0.0 100 7.2   one star
  astroscale predict --file stars.csv                     a table of stars
  astroscale ingest stars.csv                             stream a table
  astroscale status --watch                               where the rows are
  astroscale audit                                        prove no row is lost
  astroscale dlq list                                     what was refused, and why
  astroscale model promote NAME                           serve another model

[bold]Where the system is[/]: ASTROSCALE_URL (the gateway) and ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS, else the system
that `astroscale up` runs in this folder, else config.toml, else http://127.0.0.1:8080 and 127.0.0.1:9092.
ASTROSCALE_API_KEY where the gateway asks for a key. ASTROSCALE_DEBUG=1 shows logs and stack traces.

[bold]Exit codes[/]: 0 done; 1 error; 2 wrong usage; 3 numbers do not match, or rows were refused;
4 the gateway or Kafka does not answer; 130 interrupted. Results go to standard output, all else to standard error.
"""

_OWN: Final = ("predict", "status", "audit", "model", "dlq", "replay")


def build(arguments: Sequence[str]) -> typer.Typer:
    """The command, with as many subcommands as these arguments need."""
    app = typer.Typer(
        help=flow(HELP),
        no_args_is_help=True,
        rich_markup_mode="rich",
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    first = next((argument for argument in arguments if not argument.startswith("-")), None)
    # Only what is asked for is imported (training alone takes a second); the help needs all.
    asked = first if first in (*_OWN, *(known.name for known in plugins.KNOWN)) else None
    for name in _OWN:
        if asked in (None, name):
            importlib.import_module(f"astroscale_client.commands.{name}").register(app)
    if asked not in _OWN:
        plugins.register_all(app, asked)
    return app


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"astroscale {metadata.version('astroscale')}")
        raise typer.Exit


def _root(
    context: typer.Context,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand not in ("up", "down", "doctor", "init-config"):
        where.adopt_settings()


def _debugging() -> bool:
    return os.environ.get("ASTROSCALE_DEBUG", "") not in ("", "0")


def _quiet_logs() -> None:
    """Logs are for services; here each error is said once, in a sentence."""
    logging.configure("client", "debug" if _debugging() else "error")
    if not _debugging():
        stdlib_logging.getLogger("aiokafka").setLevel(stdlib_logging.CRITICAL)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its code."""
    chosen = list(sys.argv[1:] if arguments is None else arguments)
    _quiet_logs()
    try:
        typer.main.get_command(build(chosen)).main(args=chosen, prog_name="astroscale")
    except AstroScaleError as error:
        if _debugging():
            raise
        say(error)
        sys.exit(exit_code(error))
    except Exception as error:
        if _debugging():
            raise
        say(AstroScaleError("unexpected", f"{type(error).__name__}: {error} (ASTROSCALE_DEBUG=1 shows where)"))
        sys.exit(Exit.ERROR)


if __name__ == "__main__":
    main()
