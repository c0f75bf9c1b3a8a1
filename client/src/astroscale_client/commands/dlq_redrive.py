"""`astroscale dlq redrive`: refused rows go through the chain once more."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from astroscale_shared.messaging import redrive, spans
from astroscale_shared.messaging.letters import Refused
from astroscale_shared.messaging.provenance import MOST_HOPS
from astroscale_shared.messaging.redrive import MAX_HOPS, Planned
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from astroscale_client.commands.dlq_options import Json, Position, Reason, Since, Topic, Until
from astroscale_client.dlq import selection
from astroscale_client.output import Exit, err, number, out, print_json


def redrive_letters(
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    topic: Topic = None,
    position: Position = None,
    everything: Annotated[bool, typer.Option("--all", help="All letters, where nothing else is chosen.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    max_hops: Annotated[
        int, typer.Option(min=1, max=MOST_HOPS, help="Leave rows that were re-driven so often and refused again.")
    ] = MAX_HOPS,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Send refused rows through the chain once more, after what was wrong has been set right.

    The original message is copied to its topic and partition, with the numbers of the refused rows: its good rows are
    not repeated. With --reason only rows of that reason are named. A row is re-driven once: what has been sent is
    written down in the same transaction, and asking twice is not double. A row that is refused again has a new letter,
    and may be re-driven from there, --max-hops times in all.

    [bold]Exit codes[/]: 0 done, or nothing to do; 1 error; 2 wrong usage; 3 some rows cannot be re-driven;
    4 Kafka does not answer.
    """
    chosen = selection.parse(topic=topic, reason=reason, since=since, until=until, position=position)
    if chosen.everything and topic is None and not everything:
        raise AstroScaleError("usage", "choose letters by --reason, --since, --until, --topic, --position, or --all")
    if as_json and not (yes or dry_run):
        raise AstroScaleError("usage", "--json does not ask: add --yes or --dry-run")
    settings = KafkaSettings.load()
    messages = asyncio.run(_find(settings, chosen))
    planned = asyncio.run(redrive.plans(settings, messages, reason=reason, max_hops=max_hops))
    todo = [one for one in planned if one.rows and one.problem is None]
    if not as_json:
        _say_plan(planned)
    if todo and not dry_run:
        if not yes:
            typer.confirm(f"re-drive {_amount(todo)}?", abort=True, err=True)
        planned = _run(settings, messages, reason, max_hops, sum(len(one.rows) for one in todo))
    if as_json:
        print_json(_document(planned, dry_run=dry_run))
    else:
        _say_done(planned, dry_run=dry_run)
    if any(one.problem for one in planned):
        raise typer.Exit(Exit.MISMATCH)


async def _find(settings: KafkaSettings, chosen: selection.Selection) -> list[Refused]:
    async with spans.reading(settings) as client:
        if chosen.position is not None:
            return [await selection.one(client, chosen)]
        return (await selection.find(client, chosen)).messages


def _run(
    settings: KafkaSettings, messages: Sequence[Refused], reason: str | None, max_hops: int, rows: int
) -> list[Planned]:
    columns = (TextColumn("re-driving"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err(), transient=True, disable=not err().is_terminal) as shown:
        task = shown.add_task("", total=rows)
        return asyncio.run(
            redrive.run(
                settings, messages, reason=reason, max_hops=max_hops, progress=lambda done: shown.advance(task, done)
            )
        )


def _say_plan(planned: Sequence[Planned]) -> None:
    before = sum(one.done for one in planned)
    if before:
        err().print(f"[yellow]skipped:[/] {_count(before, 'row')} re-driven before", soft_wrap=True)


def _say_done(planned: Sequence[Planned], *, dry_run: bool) -> None:
    for problem, count in Counter(one.problem for one in planned if one.problem).most_common():
        where = [one.message.position for one in planned if one.problem == problem]
        shown = ", ".join(where[:5]) + (" ..." if count > 5 else "")
        err().print(f"[red]not re-driven:[/] {shown}: {problem}", soft_wrap=True)
    done = [one for one in planned if (one.rows and one.problem is None if dry_run else one.sent)]
    if not done:
        out().print("nothing to re-drive")
        return
    out().print(f"[bold]{'would re-drive' if dry_run else 're-driven'}[/] {_amount(done)}", soft_wrap=True)
    for one in done[:5]:
        to = ", ".join(one.sent) or f"{one.message.head.topic} partition {one.message.head.partition}"
        out().print(f"  {one.message.position}: {_count(len(one.rows), 'row')} -> {to}", soft_wrap=True)
    if len(done) > 5:
        out().print(f"  ... and {number(len(done) - 5)} more")
    if not dry_run:
        out().print(
            "[dim]watch: astroscale status; refused again: astroscale dlq list; at the end: astroscale audit[/]"
        )


def _amount(planned: Sequence[Planned]) -> str:
    rows = sum(len(one.rows) for one in planned)
    return f"{_count(rows, 'row')} of {_count(len(planned), 'refused message')}"


def _count(n: int, what: str) -> str:
    return f"{number(n)} {what}" if n == 1 else f"{number(n)} {what}s"


def _document(planned: Sequence[Planned], *, dry_run: bool) -> dict[str, Any]:
    sent = [one for one in planned if one.sent or (dry_run and one.problem is None)]
    return {
        "dry_run": dry_run,
        "rows": sum(len(one.rows) for one in sent),
        "redriven_before": sum(one.done for one in planned),
        "messages": [
            {
                "position": one.message.position,
                "rows": one.rows,
                "redriven_before": one.done,
                "hop": one.message.head.hop + 1,
                "sent": one.sent,
                "problem": one.problem,
            }
            for one in planned
        ],
    }
