"""`astroscale audit`: recount every row from the topics."""

import asyncio
from typing import Annotated

import typer
from astroscale_shared.runtime.settings import KafkaSettings
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from astroscale_client import audit as auditing
from astroscale_client.audit.report import AuditReport, Finding
from astroscale_client.helptext import flow
from astroscale_client.output import Exit, err, number, out, print_json

HELP = """Recount every row from the topics, believing no counter.

Reads the raw, encoded and predictions topics and both dead-letter topics as consumers of committed records, and
compares sets of keys (raw partition, offset, row): every raw row must be encoded or rejected, every encoded row
predicted or refused, once each. A message that cannot be read counts as one row. Of a re-driven message only
the rows that it names count, and over a first copy and its re-drives a row is encoded once at most. Then the
ledger's totals are compared with what was counted.

Rows that the services have not committed yet are in flight, not lost; rows whose outcome may be in messages
that a topic no longer holds are expired, not lost.

[bold]Examples[/]

  astroscale audit
  astroscale audit --wait 60        first wait until everything is processed
  astroscale audit --json | jq .clean

[bold]Exit codes[/]: 0 clean; 1 error; 3 a row is lost, twice or extra, the ledger disagrees, or --wait
waited in vain; 4 Kafka does not answer.
"""

_OF_KIND = {"redrive": ", re-driven", "replay": ", replayed"}
_PARTS = ("rows", "done", "refused", "in_flight", "expired")


def audit(
    wait: Annotated[
        float | None, typer.Option(min=0.0, help="Seconds to wait first until nothing is in flight.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON.")] = False,
) -> None:
    """See HELP."""
    console = err()
    settings = KafkaSettings.load()
    waiting = f"waiting up to {wait:g} s for rows in flight" if wait else "reading"
    with console.status(waiting) as shown:
        report = asyncio.run(
            auditing.run(settings, wait=wait, progress=lambda topic, n: shown.update(f"{topic}: {number(n)} messages"))
        )
    if as_json:
        print_json(report.to_dict() | {"exit_code": int(verdict(report))})
    else:
        out().print(rendered(report))
    _notes(report, console)
    if verdict(report):
        raise typer.Exit(verdict(report))


def verdict(report: AuditReport) -> Exit:
    """The exit code of a report."""
    return Exit.OK if report.clean and not report.waited_in_vain else Exit.MISMATCH


def rendered(report: AuditReport) -> RenderableType:
    """The report as a person reads it."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    shown.add_column("stage")
    for name in (*_PARTS, "lost", "twice", "extra"):
        shown.add_column(name.replace("_", " "), justify="right")
    for stage in (report.encode, report.predict):
        parts = [number(getattr(stage, name)) for name in _PARTS]
        findings = [_finding(finding) for finding in (stage.lost, stage.twice, stage.extra)]
        shown.add_row(stage.name, *parts, *findings)
    return Group(shown, Text(), _ledger(report), Text(), _verdict(report))


def _finding(finding: Finding) -> str:
    return f"[bold red]{number(finding.rows)}[/]" if finding.rows else "[green]0[/]"


def _ledger(report: AuditReport) -> RenderableType:
    if not report.ledger:
        why = "messages have expired" if report.expired else "it is empty"
        return Text(f"ledger: not compared, {why}", style="dim")
    shown = Table(box=None, header_style="bold", pad_edge=False)
    shown.add_column("ledger")
    for name in ("says", "counted", ""):
        shown.add_column(name, justify="right")
    for check in report.ledger:
        mark = "[green]✓[/]" if check.agrees else "[bold red]✗[/]"
        shown.add_row(
            f"{check.service} {check.quantity.replace('_', ' ')}{_OF_KIND.get(check.kind, '')}",
            number(check.ledger),
            number(check.counted),
            mark,
        )
    return shown


def _verdict(report: AuditReport) -> Text:
    text = Text()
    for stage in (report.encode, report.predict):
        for name, finding in (("lost", stage.lost), ("twice", stage.twice), ("extra", stage.extra)):
            if finding.rows:
                keys = ", ".join(f"{p}/{o}/{r}" for p, o, r in finding.examples)
                text.append(f"{stage.name}: {name} partition/offset/row {keys}", style="red")
                text.append(" ...\n" if finding.rows > len(finding.examples) else "\n", style="red")
    if report.clean:
        text.append(f"clean: every row accounted for, in {report.seconds:.1f} s", style="bold green")
    else:
        text.append("not clean", style="bold red")
    return text


def _notes(report: AuditReport, console: Console) -> None:
    """What a reader of the numbers should know."""
    if report.expired:
        gone = ", ".join(f"{place} before {offset}" for place, offset in report.expired.items())
        console.print(f"[yellow]expired:[/] the topics no longer hold {gone}", soft_wrap=True)
    for service, offsets in report.unread.items():
        console.print(f"[yellow]expired:[/] {number(offsets)} offsets before {service} had read them", soft_wrap=True)
    if report.redriven or report.replayed:
        copies = f"{number(report.redriven)} re-driven and {number(report.replayed)} replayed rows"
        console.print(f"[yellow]note:[/] among them are {copies}", soft_wrap=True)
    if report.unreadable_letters:
        console.print(f"[yellow]note:[/] {number(report.unreadable_letters)} dead letters are none of ours")
    if report.waited_in_vain:
        rows = report.encode.in_flight + report.predict.in_flight
        console.print(f"[yellow]waited in vain:[/] {number(rows)} rows are still in flight", soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add `audit`."""
    app.command("audit", help=flow(HELP))(audit)
