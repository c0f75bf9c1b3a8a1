"""`astroscale federation`: create, list, show and watch federations."""

import asyncio
import json
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

import typer
from astroscale_shared.messaging import clients, topics
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from astroscale_federation import ledger
from astroscale_federation.messages import CreateFederation, FederationState, Plan, RoundClosed

_TAKEN_WITHIN_S = 10.0
_EXAMPLES = """Train one model across archives that keep their data.

Each archive runs a worker beside its own table:

    python -m astroscale_federation worker --id NAME --table FILE [--survey NAME ...]

Then: astroscale federation create --rounds 5 --follow, and astroscale model promote federated-ID to serve the result.
"""

_Json = Annotated[bool, typer.Option("--json", help="For programs.")]
_Id = Annotated[str, typer.Argument(metavar="ID", help="The federation's id, as `list` shows it.")]

app = typer.Typer(help=_EXAMPLES, no_args_is_help=True, rich_markup_mode=None)


def register(root: typer.Typer) -> None:
    """Add `federation` to the astroscale command."""
    root.add_typer(app, name="federation")


@app.command()
def create(
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="Training rounds.")] = 5,
    min_workers: Annotated[int, typer.Option(min=1, max=1000, help="With fewer answers a round does not count.")] = 2,
    deadline: Annotated[float, typer.Option(help="Seconds that a round may take.")] = 30.0,
    wait: Annotated[float, typer.Option(help="Seconds to wait for enough workers before it fails.")] = 60.0,
    federation: Annotated[str | None, typer.Option("--id", help="a-z, 0-9 and '-'; by default one is made up.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay and show the rounds, as `watch` does.")] = False,
    as_json: _Json = False,
) -> None:
    """Ask the coordinator for a federation over the workers that are there.

    Exit codes: 0 created (with --follow: finished); 1 not, or failed; 4 Kafka does not answer.
    """
    try:
        command = CreateFederation(
            federation=federation or uuid4().hex[:8],
            plan=Plan(rounds=rounds, min_workers=min_workers, deadline_s=deadline, wait_s=wait),
            created_at=datetime.now(UTC),
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise AstroScaleError("usage", f"{first['loc'][-1]} {first['input']!r}: {first['msg']}") from error
    kafka = KafkaSettings.load()
    state = asyncio.run(_create(kafka, command))
    if follow:
        _watch(kafka, command.federation, as_json=as_json)
    elif as_json:
        _print_json(state.model_dump(mode="json"))
    else:
        Console(highlight=False).print(
            f"created [bold]{state.federation}[/]; it is {state.status}.\n"
            f"astroscale federation watch {state.federation}",
            soft_wrap=True,
        )


async def _create(kafka: KafkaSettings, command: CreateFederation) -> FederationState:
    if command.federation in await ledger.states(kafka):
        raise AstroScaleError("federation_exists", f"there is a federation {command.federation} already")
    producer = clients.producer(kafka)
    await producer.start()
    try:
        await producer.send_and_wait(
            topics.FEDERATION_COMMANDS,
            command.model_dump_json().encode(),
            key=command.federation.encode(),
            headers=[("content-type", b"application/json")],
        )
    finally:
        await producer.stop()
    try:
        async with asyncio.timeout(_TAKEN_WITHIN_S), aclosing(ledger.follow(kafka, command.federation)) as states:
            return await anext(states)
    except TimeoutError as error:
        raise AstroScaleError(
            "no_coordinator",
            f"no coordinator took federation {command.federation} within {_TAKEN_WITHIN_S:g} s;"
            " the command stays on the topic for the next that starts",
        ) from error


@app.command("list")
def list_(as_json: _Json = False) -> None:
    """List all federations.

    Exit codes: 0; 1 error; 4 Kafka does not answer.
    """
    states = sorted(asyncio.run(ledger.states(KafkaSettings.load())).values(), key=lambda one: one.created_at)
    if as_json:
        _print_json([one.model_dump(mode="json") for one in states])
        return
    table = Table("id", "status", "step", "workers", "created", "model", box=None, header_style="bold")
    for one in states:
        workers = str(len(one.archives) or "-")
        created = one.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
        table.add_row(one.federation, one.status, _step(one), workers, created, one.model or one.reason)
    Console(highlight=False).print(table if states else "no federation yet: astroscale federation create")


@app.command()
def show(federation: _Id, as_json: _Json = False) -> None:
    """Show one federation with the record of each round.

    Exit codes: 0; 1 there is none of this id; 4 Kafka does not answer.
    """
    state, records = asyncio.run(_read(KafkaSettings.load(), federation))
    if as_json:
        document = state.model_dump(mode="json") | {"records": [one.model_dump(mode="json") for one in records]}
        _print_json(document)
        return
    console = Console(highlight=False)
    console.print(f"[bold]{state.federation}[/] is {state.status} {state.reason}", soft_wrap=True)
    for name, notice in sorted(state.archives.items()):
        surveys = ", ".join(f"{survey} {rows:,}" for survey, rows in sorted(notice.surveys.items()))
        console.print(f"  worker {name}: {notice.rows:,} stars ({surveys})", soft_wrap=True)
    for record in records:
        console.print(_line(record), soft_wrap=True)
    if state.model:
        console.print(f"model {state.model}; serve it: astroscale model promote {state.model.partition('/')[0]}")


async def _read(kafka: KafkaSettings, federation: str) -> tuple[FederationState, list[RoundClosed]]:
    return await ledger.state(kafka, federation), await ledger.records(kafka, federation)


@app.command()
def watch(federation: _Id, as_json: _Json = False) -> None:
    """Follow a federation until it is over; with --json one state a line.

    Exit codes: 0 finished; 1 failed, or there is none of this id; 4 Kafka does not answer.
    """
    kafka = KafkaSettings.load()
    asyncio.run(ledger.state(kafka, federation))
    _watch(kafka, federation, as_json=as_json)


def _watch(kafka: KafkaSettings, federation: str, *, as_json: bool) -> None:
    last = asyncio.run(_follow(kafka, federation, as_json=as_json))
    if last.status == "failed":
        raise AstroScaleError("federation_failed", f"federation {federation} failed: {last.reason}")
    if not as_json:
        name = last.model.partition("/")[0]
        Console(highlight=False).print(
            f"published [bold]{last.model}[/]; serve it: astroscale model promote {name}", soft_wrap=True
        )


async def _follow(kafka: KafkaSettings, federation: str, *, as_json: bool) -> FederationState:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    last: FederationState | None = None
    with Progress(*columns, console=Console(stderr=True), disable=as_json, transient=True) as progress:
        task = progress.add_task("waiting", total=None)
        async with aclosing(ledger.follow(kafka, federation)) as states:
            async for state in states:
                before, last = last, state
                if as_json:
                    typer.echo(state.model_dump_json())
                    continue
                record = state.last_round
                if record is not None and (before is None or before.last_round != record):
                    progress.console.print(_line(record), highlight=False, soft_wrap=True)
                # Two steps more than training rounds: pooled moments before, calibration after.
                done = state.round + int(state.calibrated)
                progress.update(task, description=_step(state), completed=done, total=state.plan.rounds + 2)
    assert last is not None  # noqa: S101 - it ends with a state only
    return last


def _step(state: FederationState) -> str:
    if state.status in ("finished", "failed"):
        return f"{state.round} of {state.plan.rounds}" if state.phase == "train" else state.phase
    if state.calibrated:
        return "publish"
    return f"round {state.round} of {state.plan.rounds}" if state.phase == "train" else state.phase


def _line(record: RoundClosed) -> str:
    name = f"round {record.round}" if record.phase == "train" else record.phase
    who = ", ".join(one.worker for one in record.participants)
    quality = "" if record.r2 is None else f"  R2 {record.r2:.3f} before it"
    excluded = ", ".join(f"{one.worker} {one.reason}" for one in record.excluded)
    return (
        f"  {name:<10} {who}: {record.rows:,} stars  {record.seconds:.2f} s{quality}"
        f"  {record.output_hash[:12]}{'  without ' + excluded if excluded else ''}"
    )


def _print_json(document: Any) -> None:
    typer.echo(json.dumps(document, indent=2))
