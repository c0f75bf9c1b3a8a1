"""`astroscale predict`: one star, or a table of stars."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import FEATURES
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from astroscale_client import pool, where
from astroscale_client.api import AstroScale
from astroscale_client.helptext import flow
from astroscale_client.output import Exit, err, out, print_json
from astroscale_client.prediction import Prediction
from astroscale_client.wire import RefusedError

ONE_STAR_S: Final = 10.0
A_TABLE_S: Final = 60.0
"""More than the gateway takes for a table, so that it is the one to give up."""

_MISSING: Final = frozenset({"-", "null", "none", "nan", "na", ""})

HELP: Final = """Predict the line-of-sight velocity of one star, or of every star of a table.

The values, in this order: [bold]RA DEC TEFF LOGG FE_H SNR PARALLAX[/]. A missing value is written
[bold]-[/] (or null, or nan): the star is predicted all the same, with a wider interval and a flag.
Only RA and DEC are required. A negative number needs no quoting.

[bold]Examples[/]

  astroscale predict 200.12 -47.33 5800 4.3 0.0 100 7.2
  astroscale predict 83.6 22.0 - - - - -1.3 --pmra -11.5 --pmdec 2.5 --json
  astroscale predict --file stars.csv --out velocities.parquet
  astroscale predict --file stars.fits --local --model default

A table (.csv or .parquet; .fits, .ecsv, .vot with the extra astropy) has columns of these names: ra and dec,
and as many of teff, logg, fe_h, snr, parallax, pmra, pmdec as there are. All of its columns are kept, in order;
added are radial_velocity_kms, predicted_z, q05 q16 q50 q84 q95 (km/s; q05 to q95 is the 90 % interval), flags,
model_name, model_version, and error for a row that was refused. A column rv_kms, the measured velocity,
has no part in the prediction; it adds tail_probability: how likely one at least as far out is.

[bold]--local[/] needs no running system: the model is run here (needs the extra inference). It is the one of slot
default where Kafka is there to say it, else the newest default of the registry, else the one that is shipped.

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
    file: Annotated[Path | None, typer.Option("--file", help="A table of stars.")] = None,
    output: Annotated[
        Path | None, typer.Option("--out", help="Where the table goes; F.predictions.csv beside F.csv by default.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="The gateway.", envvar="ASTROSCALE_URL", show_default=where.DEFAULT_URL)
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="With --file: predict here, without a running system.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME[@VERSION]", help="With --local: the model, instead of the one in service."),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, max=64, help="Requests under way at a time, with --file.")
    ] = pool.CONCURRENCY,
    timeout: Annotated[
        float | None,
        typer.Option(min=0.1, help="Seconds for one answer; 10 for a star, 60 for a table's.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON; with --file, the summary.")] = False,
) -> None:
    """See HELP."""
    values = [ra, dec, teff, logg, fe_h, snr, parallax]
    given = [value for value in values if value is not None]
    _no_options_among(given)
    if model is not None and not local:
        raise AstroScaleError("usage", "--model goes with --local; the gateway serves the model of its slot")
    if local and file is None:
        raise AstroScaleError("usage", "--local goes with --file")
    options = pool.Options(
        where.gateway_url(url), timeout or (ONE_STAR_S if file is None else A_TABLE_S), api_key=where.api_key()
    )
    if file is not None:
        if given or pmra is not None or pmdec is not None:
            raise AstroScaleError("usage", "give either seven values or --file, not both")
        # Imported where it is needed: reading tables takes longer to import than a star to predict.
        from astroscale_client.commands import predict_table

        predict_table.run(
            file, output, predict_table.local(model) if local else predict_table.gateway(options, concurrency),
            as_json=as_json,
        )  # fmt: skip
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
    _star({**star, "pmra": pmra, "pmdec": pmdec}, options, as_json=as_json)


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


def _star(star: dict[str, float | None], options: pool.Options, *, as_json: bool) -> None:
    with AstroScale(options.url, timeout=options.timeout, api_key=options.api_key) as scale:
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


def register(app: typer.Typer) -> None:
    """Add `predict`. A negative number looks like an option: predict sorts them out itself."""
    app.command("predict", help=flow(HELP), context_settings={"ignore_unknown_options": True})(predict)
