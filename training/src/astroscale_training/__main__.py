"""`python -m astroscale_training`: train the model, simulate the sample catalogue."""

import typer

from astroscale_training import cli

app = typer.Typer(help="Fits the model and simulates the sample catalogue.", no_args_is_help=True)
cli.register(app)
cli.register_simulate(app)

if __name__ == "__main__":
    app()
