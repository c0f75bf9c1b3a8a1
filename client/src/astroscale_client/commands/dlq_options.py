"""Options that the subcommands of `astroscale dlq` share."""

from typing import Annotated

import typer

Reason = Annotated[str | None, typer.Option(help="With a row refused for this reason.", show_default=False)]
Since = Annotated[
    str | None, typer.Option(help="Refused at this time (UTC) or later, or since 90m, 2h, 7d ago.", show_default=False)
]
Until = Annotated[str | None, typer.Option(help="Refused before this time.", show_default=False)]
Topic = Annotated[str | None, typer.Option(help="raw or encoded; by default both.", show_default=False)]
Position = Annotated[str | None, typer.Option(help="This message, as raw-0-17 (see the list).", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="JSON.")]
