"""`python -m astroscale_ingestor` runs the service; `python -m astroscale_ingestor ingest FILE` one ingest."""

import sys

import typer
from astroscale_shared.runtime.process import serve
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_ingestor import cli
from astroscale_ingestor.app import build_app
from astroscale_ingestor.settings import IngestorSettings


async def main() -> None:
    """Build and run."""
    await build_app(IngestorSettings.load(), KafkaSettings.load()).run()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        command = typer.Typer(add_completion=False, no_args_is_help=True)
        command.callback()(lambda: None)
        cli.register(command)
        command()
    else:
        serve("ingestor", main, level=lambda: IngestorSettings.load().log_level)
