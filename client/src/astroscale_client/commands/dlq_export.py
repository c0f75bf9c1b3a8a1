"""`astroscale dlq export`: dead letters, or the messages in them, as files."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from astroscale_shared.messaging import spans
from astroscale_shared.messaging.redrive import Planned
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_client.commands.dlq_options import Position, Reason, Since, Topic, Until
from astroscale_client.dlq import export, selection
from astroscale_client.dlq.selection import Selection
from astroscale_client.output import Exit, err, number, out


def export_letters(
    target: Annotated[Path, typer.Option("--out", help="The file to write; with --raw the folder.")],
    raw: Annotated[bool, typer.Option("--raw", help="The original messages, a file for each, instead.")] = False,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    topic: Topic = None,
    position: Position = None,
) -> None:
    """Write dead letters to a file, a line of JSON for each; with --raw the messages themselves, as they were.

    [bold]Exit codes[/]: 0; 1 error, or the file is there already; 3 some messages are not whole any more;
    4 Kafka does not answer.
    """
    chosen = selection.parse(topic=topic, reason=reason, since=since, until=until, position=position)
    messages, lines, lost = asyncio.run(_export(KafkaSettings.load(), chosen, target, raw=raw))
    if raw:
        out().print(f"{number(messages - len(lost))} messages and {export.INDEX} in {target}", soft_wrap=True)
    else:
        out().print(f"{number(lines)} letters of {number(messages)} messages in {target}", soft_wrap=True)
    for one in lost:
        err().print(f"[yellow]not written:[/] {one.message.position}: {one.problem}", soft_wrap=True)
    if lost:
        raise typer.Exit(Exit.MISMATCH)


async def _export(
    settings: KafkaSettings, chosen: Selection, target: Path, *, raw: bool
) -> tuple[int, int, list[Planned]]:
    async with spans.reading(settings) as client:
        messages = (await selection.find(client, chosen)).messages
        if raw:
            return len(messages), 0, await export.as_messages(client, messages, target)
        return len(messages), await export.as_lines(client, messages, target), []
