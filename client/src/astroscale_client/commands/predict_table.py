"""`astroscale predict --file`: every star of a table."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import typer
from astroscale_shared.runtime.errors import AstroScaleError
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from astroscale_client import local_model, pipeline, pool, results, tables
from astroscale_client.output import Exit, err, number, out, print_json

_HERE_IN_FLIGHT: Final = 2
"""One piece is scored while the next one is read."""


@dataclass(frozen=True, slots=True)
class Way:
    """Who answers: opened for as long as it is needed. said: what there is to say of it beforehand."""

    opened: Callable[[], AbstractAsyncContextManager[pipeline.Score]]
    in_flight: int
    said: str


def gateway(options: pool.Options, concurrency: int) -> Way:
    """A running system answers."""

    @asynccontextmanager
    async def opened() -> AsyncGenerator[pipeline.Score]:
        async with pool.connected(options, concurrency) as requests:
            yield requests.table

    return Way(opened, concurrency, f"gateway {options.url}")


def local(model: str | None) -> Way:
    """This process answers, with NAME[@VERSION] or the model that a system would serve."""
    chosen = local_model.choose(model)
    score = local_model.scorer(chosen)

    @asynccontextmanager
    async def opened() -> AsyncGenerator[pipeline.Score]:
        yield score

    return Way(opened, _HERE_IN_FLIGHT, f"here, {chosen}")


def run(source: Path, out_path: Path | None, way: Way, *, as_json: bool) -> None:
    """Predict the table; exits with 3 where rows were refused."""
    target = out_path or tables.default_output(source)
    tables.check_output(source, target)
    tally = results.Tally()
    began = time.perf_counter()
    with tables.open_source(source) as stars:
        schema = results.schema(stars.schema)
        with _progress(stars.rows) as advance, tables.open_sink(target, schema) as sink:

            def take(piece: pa.Table, answer: pa.RecordBatch) -> None:
                sink.write(results.beside(piece, answer, schema))
                tally.add(answer)
                advance(piece.num_rows)

            asyncio.run(_predict(stars, way, take))
    seconds = time.perf_counter() - began
    summary = {
        **tally.summary(),
        "seconds": round(seconds, 2),
        "rows_per_second": round(tally.rows / seconds) if seconds > 0 else None,
        "by": way.said,
        "out": str(target),
    }
    if as_json:
        print_json(summary)
    else:
        _print(summary)
    if tally.refused:
        raise typer.Exit(Exit.MISMATCH)


async def _predict(stars: tables.Opened, way: Way, take: pipeline.Take) -> None:
    try:
        async with way.opened() as score:
            await pipeline.run(stars.pieces(), score, in_flight=way.in_flight, take=take)
    except AstroScaleError as error:
        if error.code != "gateway_unreachable":
            raise
        said = f"{error.message.split(';')[0]}; start the system (`make up`), or predict without one (`--local`)"
        raise AstroScaleError(error.code, said) from error


@contextmanager
def _progress(rows: int | None) -> Generator[Callable[[int], None]]:
    columns = (TextColumn("predicting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err(), transient=True, disable=not err().is_terminal) as progress:
        task = progress.add_task("", total=rows)
        yield lambda done: progress.advance(task, done)


def _print(summary: Mapping[str, Any]) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(
        "rows", f"{number(summary['rows'])} in {summary['seconds']} s ({number(summary['rows_per_second'] or 0)}/s)"
    )
    grid.add_row("predicted", f"[green]{number(summary['predicted'])}[/]")
    grid.add_row("refused", f"[red]{number(summary['refused'])}[/]" if summary["refused"] else "0")
    for reason, count in summary["refused_because"].items():
        grid.add_row("", f"[red]{number(count)}[/] {escape(reason)}")
    for flag, count in summary["flagged"].items():
        grid.add_row("flagged", f"{number(count)} {flag}")
    if summary["median_interval_width_kms"] is not None:
        grid.add_row("90 % interval", f"{summary['median_interval_width_kms']:.1f} km/s wide (median)")
    grid.add_row("model", escape(", ".join(summary["models"])) or "-")
    grid.add_row("by", escape(summary["by"]))
    grid.add_row("written to", escape(summary["out"]))
    out().print(Panel(grid, title="predictions", title_align="left", border_style="blue", expand=False))
