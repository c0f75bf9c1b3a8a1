"""`astroscale predict`: one star, or a table of stars."""

import asyncio
import math
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import FEATURES
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from astroscale_client import pool, table, where
from astroscale_client.api import AstroScale
from astroscale_client.output import Exit, err, number, out, print_json
from astroscale_client.prediction import Prediction
from astroscale_client.wire import RefusedError

_MISSING: Final = frozenset({"-", "null", "none", "nan", "na", ""})

HELP: Final = """Predict the line-of-sight velocity of one star, or of every star of a table.

The values, in this order: [bold]RA DEC TEFF LOGG FE_H SNR PARALLAX[/]. A missing value is written
[bold]-[/] (or null, or nan): the star is predicted all the same, with a wider interval and a flag.
Only RA and DEC are required. A negative number needs no quoting.

[bold]Examples[/]

  astroscale predict 200.12 -47.33 5800 4.3 0.0 100 7.2
  astroscale predict 83.6 22.0 - - - - -1.3 --pmra -11.5 --pmdec 2.5 --json
  astroscale predict --file stars.csv --out velocities.parquet

A table (.csv or .parquet) has columns of these names: ra and dec, and as many of teff, logg, fe_h, snr,
parallax, pmra, pmdec as there are. All of its columns are kept; added are radial_velocity_kms, predicted_z,
q05 q16 q50 q84 q95 (km/s), flags, model_name, model_version, and error for a row that was refused.

[bold]Exit codes[/]: 0 predicted; 1 error; 2 wrong usage; 3 the star, or at least one row, was refused;
4 the gateway does not answer (nothing is written then).
"""


def _argument(name: str, text: str) -> Any:
    return typer.Argument(metavar=name, help=text, show_default=False)


def predict(
    ra: Annotated[str | None, _argument("RA", "Right ascension, degrees, 0 to 360.")] = None,
    dec: Annotated[str | None, _argument("DEC", "Declination, degrees, -90 to 90.")] = None,
    teff: Annotated[str | None, _argument("TEFF", "Effective temperature, K.")] = None,
    logg: Annotated[str | None, _argument("LOGG", "Surface gravity, dex (cm s-2).")] = None,
    fe_h: Annotated[str | None, _argument("FE_H", "Metallicity [Fe/H], dex.")] = None,
    snr: Annotated[str | None, _argument("SNR", "Signal-to-noise ratio of the spectrum.")] = None,
    parallax: Annotated[str | None, _argument("PARALLAX", "Parallax, mas; may be negative.")] = None,
    pmra: Annotated[float | None, typer.Option(help="Proper motion in RA times cos(dec), mas/yr.")] = None,
    pmdec: Annotated[float | None, typer.Option(help="Proper motion in declination, mas/yr.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="A table of stars, .csv or .parquet.")] = None,
    output: Annotated[
        Path | None, typer.Option("--out", help="Where the table goes; F.predictions.csv beside F.csv by default.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="The gateway.", envvar="ASTROSCALE_URL", show_default=where.DEFAULT_URL)
    ] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, max=256, help="Requests under way at a time, with --file.")
    ] = pool.CONCURRENCY,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for one answer.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="JSON; with --file, the summary.")] = False,
) -> None:
    """See HELP."""
    values = [ra, dec, teff, logg, fe_h, snr, parallax]
    given = [value for value in values if value is not None]
    _no_options_among(given)
    if file is not None:
        if given or pmra is not None or pmdec is not None:
            raise AstroScaleError("usage", "give either seven values or --file, not both")
        _table(file, output or table.default_output(file), url, concurrency, timeout, as_json=as_json)
        return
    if output is not None:
        raise AstroScaleError(
            "usage", "--out goes with --file; the result of one star is printed (--json for programs)"
        )
    if len(given) != len(values):
        raise AstroScaleError(
            "usage",
            f"seven values are needed, {len(given)} given: RA DEC TEFF LOGG FE_H SNR PARALLAX (- for a missing one), "
            "or --file",
        )
    star = {column.name: _value(column.name, text) for column, text in zip(FEATURES, given, strict=True)}
    _star({**star, "pmra": pmra, "pmdec": pmdec}, url, timeout, as_json=as_json)


def _no_options_among(values: list[str]) -> None:
    """Unknown options come as values, because negative numbers must."""
    for text in values:
        if text.startswith("-") and text != "-" and not _is_number(text):
            raise AstroScaleError("usage", f"no such option: {text} (see astroscale predict --help)")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _value(name: str, text: str) -> float | None:
    if text.strip().lower() in _MISSING:
        if name in ("ra", "dec"):
            raise AstroScaleError("usage", f"{name.upper()} cannot be missing")
        return None
    if not _is_number(text):
        raise AstroScaleError("usage", f"{name.upper()} is {text!r}, which is no number (- for a missing value)")
    return float(text)


def _star(star: dict[str, float | None], url: str | None, timeout: float, *, as_json: bool) -> None:
    with AstroScale(url, timeout=timeout) as scale:
        try:
            prediction = scale.predict(**star)  # pyright: ignore[reportArgumentType]
        except RefusedError as refused:
            if as_json:
                print_json({"error": {"code": refused.code, "message": refused.message, "fields": refused.fields}})
            err().print(f"[bold red]refused:[/] {escape(refused.message)}", soft_wrap=True)
            raise typer.Exit(Exit.MISMATCH) from None
    if as_json:
        print_json(prediction.to_dict())
    else:
        out().print(panel(prediction))


def panel(prediction: Prediction) -> Panel:
    """The result as a person reads it."""
    interval = prediction.interval
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    grid.add_row(
        "radial velocity", f"[bold cyan]{prediction.radial_velocity_kms:+.1f} km/s[/]  {_direction(prediction)}"
    )
    grid.add_row(f"{interval.level:.0%} interval", f"{interval.lower_kms:+.1f} to {interval.upper_kms:+.1f} km/s")
    grid.add_row("redshift z", f"{prediction.predicted_z:+.3e}  ({interval.lower_z:+.3e} to {interval.upper_z:+.3e})")
    for i, remark in enumerate(prediction.remarks):
        grid.add_row("" if i else "note", f"[yellow]{escape(remark)}[/]")
    model = prediction.model
    grid.add_row("model", f"{model.name} {model.version}, encoding {model.encoding_version}")
    return Panel(grid, title="prediction", title_align="left", border_style="blue", expand=False)


def _direction(prediction: Prediction) -> str:
    if prediction.interval.lower_kms <= 0 <= prediction.interval.upper_kms:
        return "(direction uncertain: the interval reaches both ways)"
    return "(moving away)" if prediction.radial_velocity_kms > 0 else "(approaching)"


def _table(source: Path, target: Path, url: str | None, concurrency: int, timeout: float, *, as_json: bool) -> None:
    table.check_output(source, target)
    stars = table.read(source)
    options = pool.Options(where.gateway_url(url), timeout, api_key=where.api_key())
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
        "rows_per_second": round(len(results) / seconds) if seconds > 0 and not math.isinf(seconds) else None,
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
