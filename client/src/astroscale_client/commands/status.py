"""`astroscale status`: where the stream stands."""

import asyncio
import contextlib
import time
from typing import Annotated

import typer
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from astroscale_client import chain_status, where
from astroscale_client.chain_status import Probe, Stage, Status
from astroscale_client.helptext import flow
from astroscale_client.output import Exit, number, out, print_json

HELP = """Show how many rows each topic had, what became of them, and whether they add up.

For each stage: rows in, rows out (encoded, predicted), rows rejected with the reasons, and the lag: messages
of the raw topic, rows of the encoded topic that are still to be done. Re-driven and replayed rows, and what
expired before it was read, are named where there are any. The numbers are the ledger's, which the
services write in the same transactions as the rows; [bold]astroscale audit[/] recounts them from the topics.

[bold]Examples[/]

  astroscale status
  astroscale status --watch
  astroscale status --json | jq '.stages[0].rows_in'

[bold]Exit codes[/]: 0 all adds up (rows may be waiting); 1 error; 3 rows are unaccounted for; 4 Kafka does not answer.
"""

_COPIES = {"redrive": "re-driven", "replay": "replayed"}


def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on showing it, until Ctrl-C.")] = False,
    interval: Annotated[float, typer.Option(min=0.2, help="Seconds between looks, with --watch.")] = 2.0,
    url: Annotated[
        str | None, typer.Option(help="The gateway.", envvar="ASTROSCALE_URL", show_default=where.DEFAULT_URL)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON; one line each time, with --watch.")] = False,
) -> None:
    """See HELP."""
    settings = KafkaSettings.load()
    if watch:
        with contextlib.suppress(KeyboardInterrupt):
            _watch(settings, url, interval, as_json=as_json)
        return
    found = asyncio.run(chain_status.read(settings, url=url))
    if as_json:
        print_json(found.to_dict())
    else:
        out().print(rendered(found))
    if not found.adds_up:
        raise typer.Exit(Exit.MISMATCH)


def _watch(settings: KafkaSettings, url: str | None, interval: float, *, as_json: bool) -> None:
    if as_json:
        while True:
            print_json(asyncio.run(chain_status.read(settings, url=url)).to_dict(), indent=False)
            time.sleep(interval)
    with Live(console=out(), auto_refresh=False, screen=False) as live:
        before: Status | None = None
        seen = time.monotonic()
        while True:
            try:
                found = asyncio.run(chain_status.read(settings, url=url))
            except AstroScaleError as error:
                if not error.retryable:
                    raise
                live.update(Text(f"{error.message}; looking again", style="red"), refresh=True)
            else:
                now = time.monotonic()
                live.update(rendered(found, before, now - seen), refresh=True)
                before, seen = found, now
            time.sleep(interval)


def rendered(found: Status, before: Status | None = None, seconds: float = 0.0) -> RenderableType:
    """The tables; with an earlier look, rows a second too."""
    return Group(_stages(found.stages, before, seconds), Text(), _services(found.services))


def _stages(stages: list[Stage], before: Status | None, seconds: float) -> Table:
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("stage", "rows in", "done", "rejected", "lag", "adds up"):
        shown.add_column(name, justify="left" if name in ("stage", "adds up") else "right")
    for i, stage in enumerate(stages):
        done = f"{number(stage.rows_out)} {'encoded' if stage.service == 'preprocessor' else 'predicted'}"
        if before is not None and seconds > 0:
            done += f" ({(stage.rows_out - before.stages[i].rows_out) / seconds:,.0f}/s)"
        waiting = "0" if not stage.lag else f"[yellow]{number(stage.lag)} {stage.lag_unit}[/]"
        verdict = "[green]✓[/]" if stage.adds_up else _difference(stages, i)
        shown.add_row(stage.topic, number(stage.rows_in), done, number(stage.rows_rejected), waiting, verdict)
        for kind, of in stage.kinds.items():
            if kind != "first":
                parts = (number(part) for part in (of.rows_in, of.rows_out, of.rows_rejected))
                shown.add_row(f"  of them {_COPIES.get(kind, kind)}", *parts, "", "")
        for code, count in stage.rejected_by.items():
            shown.add_row(f"  [dim]{code}[/]", "", "", f"[dim]{number(count)}[/]", "", "")
        if stage.offsets_expired:
            shown.add_row(f"  [yellow]{number(stage.offsets_expired)} offsets expired unread[/]", "", "", "", "", "")
    return shown


def _difference(stages: list[Stage], i: int) -> str:
    stage = stages[i]
    left = stage.rows_in - stage.rows_out - stage.rows_rejected
    if left:
        return f"[bold red]✗ {number(abs(left))} {'missing' if left > 0 else 'too many'}[/]"
    new = stage.rows_in - sum(of.rows_in for kind, of in stage.kinds.items() if kind != "first")
    if i and new > stages[i - 1].rows_out:
        return f"[bold red]✗ {number(new - stages[i - 1].rows_out)} more than were encoded[/]"
    return "[bold red]✗ kinds differ[/]"


def _services(probes: list[Probe]) -> Table:
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("service", "ready", "address"):
        shown.add_column(name)
    for probe in probes:
        mark = {True: "[green]✓[/]", False: "[yellow]not ready[/]", None: "[red]✗[/]"}[probe.ready]
        shown.add_row(
            probe.name, " ".join([mark, *([f"[dim]{'; '.join(probe.reasons)}[/]"] if probe.reasons else [])]), probe.url
        )
    return shown


def register(app: typer.Typer) -> None:
    """Add `status`."""
    app.command("status", help=flow(HELP))(status)
