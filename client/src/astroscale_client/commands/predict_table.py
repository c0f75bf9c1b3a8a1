"""`astroscale predict --file`: every star of a table."""

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from astroscale_client import pool, table
from astroscale_client.output import Exit, err, number, out, print_json
from astroscale_client.prediction import Prediction


def run(source: Path, out_path: Path | None, options: pool.Options, concurrency: int, *, as_json: bool) -> None:
    """Predict the table; exits with 3 where rows were refused."""
    target = out_path or table.default_output(source)
    table.check_output(source, target)
    stars = table.read(source)
    columns = (TextColumn("predicting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    began = time.perf_counter()
    with Progress(*columns, console=err(), transient=True, disable=not err().is_terminal) as progress:
        task = progress.add_task("", total=stars.num_rows)
        results = asyncio.run(
            pool.score(table.stars(stars), options, concurrency=concurrency, advance=lambda: progress.advance(task))
        )
    seconds = time.perf_counter() - began
    table.write(table.with_results(stars, results), target)
    summary = summarise(results, seconds) | {"out": str(target)}
    if as_json:
        print_json(summary)
    else:
        _print(summary)
    if summary["refused"]:
        raise typer.Exit(Exit.MISMATCH)


def summarise(results: list[pool.Scored], seconds: float) -> dict[str, Any]:
    """Counts of what happened to the rows."""
    good = [result for result in results if isinstance(result, Prediction)]
    refused = [result for result in results if not isinstance(result, Prediction)]
    widths = sorted(p.interval.upper_kms - p.interval.lower_kms for p in good)
    return {
        "rows": len(results),
        "predicted": len(good),
        "refused": len(refused),
        "refused_because": dict(Counter(error.message for error in refused).most_common(5)),
        "flagged": dict(Counter(flag for p in good for flag in p.flags).most_common()),
        "median_interval_width_kms": widths[len(widths) // 2] if widths else None,
        "models": sorted({f"{p.model.name} {p.model.version}" for p in good}),
        "seconds": round(seconds, 2),
        "rows_per_second": round(len(results) / seconds) if seconds > 0 else None,
    }


def _print(summary: dict[str, Any]) -> None:
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
    grid.add_row("model", ", ".join(summary["models"]) or "-")
    grid.add_row("written to", summary["out"])
    out().print(Panel(grid, title="predictions", title_align="left", border_style="blue", expand=False))
