"""What goes to the terminal: results on standard output, all else on standard error."""

from enum import IntEnum
from typing import Any

import orjson
import typer
from astroscale_shared.runtime.errors import AstroScaleError
from rich.console import Console
from rich.markup import escape


class Exit(IntEnum):
    """Exit codes, the same for every subcommand."""

    OK = 0
    ERROR = 1
    USAGE = 2
    MISMATCH = 3
    UNREACHABLE = 4


_UNREACHABLE = frozenset({"gateway_unreachable", "kafka_unreachable"})
_USAGE = frozenset({"usage", "bad_url", "bad_table"})


def out() -> Console:
    """Standard output."""
    return Console(soft_wrap=False, highlight=False)


def err() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False)


def print_json(document: Any, *, indent: bool = True) -> None:
    """JSON on standard output, for other programs; NaN is null."""
    option = orjson.OPT_INDENT_2 if indent else 0
    typer.echo(orjson.dumps(document, option=option | orjson.OPT_SERIALIZE_NUMPY).decode())


def exit_code(error: AstroScaleError) -> Exit:
    """The exit code of an error."""
    if error.code in _UNREACHABLE:
        return Exit.UNREACHABLE
    return Exit.USAGE if error.code in _USAGE else Exit.ERROR


def say(error: AstroScaleError) -> None:
    """The error in one sentence."""
    err().print(f"[bold red]error:[/] {escape(error.message)}", soft_wrap=True)


def number(value: int) -> str:
    """1234567 -> 1,234,567."""
    return f"{value:,}"
