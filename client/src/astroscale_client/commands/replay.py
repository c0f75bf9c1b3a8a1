"""`astroscale replay`: a stretch of the raw or the encoded topic, once more."""

import asyncio
import time
from typing import Annotated, Any

import typer
from astroscale_shared.messaging import replay
from astroscale_shared.messaging.replay import Progress, Replay
from astroscale_shared.messaging.spans import EVERYTHING, Edge
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings
from rich import progress as bars

from astroscale_client import moments
from astroscale_client.helptext import flow
from astroscale_client.output import err, number, out, print_json

HELP = """Copy a stretch of the raw or the encoded topic, to the same topic or another.

Into the same topic, the rows go through the chain once more, under the replay's id: raw messages to be encoded anew,
encoded ones to be scored with another model. Predictions carry the id in the column replay_id, and the ledger counts
them as replayed. Into another topic, for whoever wants to read them from there. No consumer group of the
services is touched. Copies that an earlier replay made are left out; their originals are what is replayed.

Stopped at any moment, the same command with the same --id goes on where it was: no row is lost or repeated.

[bold]Examples[/]

  astroscale replay --from 2026-11-25T21:30 --until 2026-11-25T22:00
  astroscale replay --from 2h --into my.topic --rate 5000
  astroscale replay --from 1200 --until 1300 --partition 2 --id second-try

[bold]Exit codes[/]: 0 done; 1 error; 2 wrong usage; 4 Kafka does not answer; 130 interrupted.
"""


def replay_messages(
    begin: Annotated[
        str, typer.Option("--from", help="A time (UTC), 2h (ago), or an offset: the first that is meant.")
    ],
    end: Annotated[
        str | None,
        typer.Option(
            "--until", help="The first that is no longer meant; by default all that there is now.", show_default=False
        ),
    ] = None,
    topic: Annotated[str, typer.Option(help="raw or encoded.")] = "raw",
    partition: Annotated[int | None, typer.Option(min=0, help="Of one partition only.", show_default=False)] = None,
    into: Annotated[
        str | None, typer.Option(help="The topic to write to; by default the same.", show_default=False)
    ] = None,
    rate: Annotated[float | None, typer.Option(min=0.1, help="Rows a second at most.", show_default=False)] = None,
    replay_id: Annotated[
        str | None, typer.Option("--id", help="The replay's name; by default a new one.", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before writing into the same topic.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON.")] = False,
) -> None:
    """See HELP."""
    if topic not in replay.SOURCES:
        raise AstroScaleError("usage", f"--topic {topic}: raw or encoded")
    source = replay.SOURCES[topic]
    target = into or source
    settings = KafkaSettings.load()
    asked = Replay(
        replay_id or replay.new_id(),
        source,
        target,
        _edge(begin),
        EVERYTHING if end is None else _edge(end),
        partition,
        rate,
    )
    found = asyncio.run(replay.look(settings, asked))
    if found.done:
        why = "is done already" if found.resumed else "has nothing to read: the topic holds no messages there"
        err().print(f"[yellow]note:[/] replay {asked.replay_id} {why}", soft_wrap=True)
    else:
        _say(asked, found)
        if target == source and not yes:
            if as_json:
                raise AstroScaleError("usage", "--json does not ask: add --yes to write into the same topic")
            typer.confirm(f"write the copies into {target} itself?", abort=True, err=True)
        found = _run(settings, asked, found)
    if as_json:
        print_json(_document(asked, found))
    elif found.read:
        rows, messages = number(found.sum("rows")), number(found.sum("messages"))
        out().print(
            f"replay [bold]{asked.replay_id}[/]: {rows} rows in {messages} messages -> {target}", soft_wrap=True
        )
    for name, why in (
        ("left_out", "are copies of earlier replays, and were left out"),
        ("too_large", "are too large for the broker as they would be compressed now, and were left out"),
    ):
        if found.sum(name):
            err().print(f"[yellow]note:[/] {number(found.sum(name))} messages {why}", soft_wrap=True)


def _edge(text: str) -> Edge:
    if text.isascii() and text.isdigit():
        return Edge(offset=int(text))
    return Edge(at_ms=moments.moment(text))


def _say(asked: Replay, found: Progress) -> None:
    left = found.total - found.read
    state = "goes on: its range stays as it was," if found.resumed else "reads"
    where = ", ".join(f"{tp.partition}: {p.begin}-{p.end - 1}" for tp, p in sorted(found.places.items()))
    err().print(
        f"replay [bold]{asked.replay_id}[/] {state} {number(left)} offsets of {asked.topic} ({where})", soft_wrap=True
    )


def _run(settings: KafkaSettings, asked: Replay, found: Progress) -> Progress:
    columns = (
        bars.TextColumn("replaying"),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TextColumn("{task.fields[said]}"),
        bars.TimeRemainingColumn(),
    )
    began, before = time.monotonic(), found.sum("rows")
    try:
        with bars.Progress(*columns, console=err(), transient=True, disable=not err().is_terminal) as shown:
            task = shown.add_task("", total=found.total, said="")

            def tell(now: Progress) -> None:
                rows = now.sum("rows")
                speed = (rows - before) / max(0.1, time.monotonic() - began)
                shown.update(task, completed=now.read, said=f"{number(rows)} rows, {speed:,.0f}/s")

            return asyncio.run(replay.run(settings, asked, progress=tell))
    except KeyboardInterrupt:
        err().print(f"stopped; the same command with --id {asked.replay_id} goes on where it was", soft_wrap=True)
        raise typer.Exit(130) from None


def _document(asked: Replay, found: Progress) -> dict[str, Any]:
    return {
        "id": asked.replay_id,
        "topic": asked.topic,
        "into": asked.into,
        "resumed": found.resumed,
        "rows": found.sum("rows"),
        "messages": found.sum("messages"),
        "left_out": found.sum("left_out"),
        "too_large": found.sum("too_large"),
        "partitions": {str(tp.partition): [place.begin, place.end] for tp, place in sorted(found.places.items())},
    }


def register(app: typer.Typer) -> None:
    """Add `replay`."""
    app.command("replay", help=flow(HELP))(replay_messages)
