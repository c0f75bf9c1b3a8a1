"""`astroscale dlq`: list and show; the other subcommands are registered here."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Annotated

import typer
from astroscale_shared.messaging import receipts, spans
from astroscale_shared.messaging.contracts import DeadLetter
from astroscale_shared.messaging.letters import Refused
from astroscale_shared.messaging.receipts import Receipts
from astroscale_shared.messaging.redrive import Original, Planned, originals
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_client.commands import dlq_export, dlq_redrive
from astroscale_client.commands.dlq_options import Json, Reason, Since, Topic, Until
from astroscale_client.commands.dlq_tables import letter_tables, list_tables, shown_document
from astroscale_client.dlq import selection, summary
from astroscale_client.dlq.selection import Found, Selection
from astroscale_client.helptext import flow
from astroscale_client.output import err, number, out, print_json

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help=flow("""Dead letters: what was refused, why, and giving it another try.

A refused row takes only itself along: the good rows of its message went through. Its letter holds the message,
whole, and names row, field, value and reason. After a fix, [bold]redrive[/] sends the refused rows, and only them,
through the chain once more.

[bold]Examples[/]

  astroscale dlq list --since 2h
  astroscale dlq show raw-0-17
  astroscale dlq redrive --reason out_of_range --since 2h
"""),
)


@app.command("list")
def list_letters(
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    topic: Topic = None,
    limit: Annotated[int, typer.Option(min=1, help="Show so many messages at most, the newest.")] = 20,
    as_json: Json = False,
) -> None:
    """List refused messages, and how many rows each reason refused.

    [bold]Exit codes[/]: 0; 1 error; 2 wrong usage; 4 Kafka does not answer.
    """
    chosen = selection.parse(topic=topic, reason=reason, since=since, until=until)
    found, given = asyncio.run(_list(KafkaSettings.load(), chosen))
    if as_json:
        print_json(summary.document(found.messages, given, found.unreadable, limit))
        return
    out().print(list_tables(found.messages, given, limit))
    if len(found.messages) > limit:
        err().print(
            f"[yellow]note:[/] the newest {limit} of {number(len(found.messages))} messages; --limit shows more"
        )
    if found.unreadable:
        err().print(f"[yellow]note:[/] {number(found.unreadable)} dead letters are none of ours")


@app.command("show")
def show_letter(
    position: Annotated[str, typer.Argument(help="The message's position, as raw-0-17.")],
    rows: Annotated[int, typer.Option(min=1, help="Show so many refused rows at most.")] = 50,
    as_json: Json = False,
) -> None:
    """Show a refused message: each refused row with its reason, and the message as it was.

    [bold]Exit codes[/]: 0; 1 no such letter; 2 wrong usage; 4 Kafka does not answer.
    """
    chosen = selection.parse(position=position)
    message, parts, original, given = asyncio.run(_show(KafkaSettings.load(), chosen))
    if as_json:
        print_json(shown_document(message, parts, original, given))
    else:
        out().print(letter_tables(message, parts, original, given, rows))


async def _list(settings: KafkaSettings, chosen: Selection) -> tuple[Found, Receipts]:
    async with spans.reading(settings) as client:
        found = await selection.find(client, chosen)
    return found, await receipts.read(settings)


async def _show(
    settings: KafkaSettings, chosen: Selection
) -> tuple[Refused, list[DeadLetter], Original | None, Receipts]:
    async with spans.reading(settings) as client:
        message = await selection.one(client, chosen)
        parts = [letter async for _, letter in selection.letters_of(client, [message])]
        whole = [original async for _, original in originals(client, [Planned(message, [])])]
    return message, parts, whole[0] if whole else None, await receipts.read(settings)


def _add(name: str, command: Callable[..., None]) -> None:
    app.command(name, help=flow(inspect.cleandoc(command.__doc__ or "")))(command)


_add("export", dlq_export.export_letters)
_add("redrive", dlq_redrive.redrive_letters)


def register(parent: typer.Typer) -> None:
    """Add `dlq`."""
    parent.add_typer(app, name="dlq")
