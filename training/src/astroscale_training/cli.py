"""Commands: thin shells over the modules of this package."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from astroscale_training.simulate import simulate, write_csv


def register_simulate(app: typer.Typer) -> None:
    """Add `simulate` to a command; the mock catalogue is a matter of this project, not of its users."""

    @app.command("simulate")
    def simulate_command(  # pyright: ignore[reportUnusedFunction]
        out: Annotated[Path, typer.Option(help="The table to write.")] = Path("data/sample/mock_catalogue.csv"),
        rows: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many stars.")] = 5_000,
        seed: Annotated[int, typer.Option(help="Another seed, other stars.")] = 1,
    ) -> None:
        """Write a mock catalogue of thin disc, thick disc and halo."""
        write_csv(simulate(rows, seed), out)
        Console().print(f"{rows} simulated stars written to {out}")
