"""`python -m astroscale_federation [coordinator]` and `python -m astroscale_federation worker --id NAME --table FILE`."""

import argparse
import os
import re
from pathlib import Path

# Before numpy: sums in one order, so that a round computed again has the same bits, and no more threads than asked for.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from astroscale_shared.runtime.process import serve
from astroscale_shared.runtime.settings import KafkaSettings, RegistrySettings

from astroscale_federation.app import build_app, build_worker
from astroscale_federation.settings import FederationSettings


def _worker_id(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        raise argparse.ArgumentTypeError("letters, digits, '.', '_' and '-' only, at most 64")
    return text


def main() -> None:
    """Start what was asked for; without a word, the coordinator."""
    parser = argparse.ArgumentParser(prog="python -m astroscale_federation", description=__doc__)
    kinds = parser.add_subparsers(dest="kind")
    kinds.add_parser("coordinator", help="runs the rounds; one for a Kafka")
    worker = kinds.add_parser("worker", help="trains on one archive's own table")
    worker.add_argument("--id", required=True, type=_worker_id, help="the worker's name, the same at every start")
    worker.add_argument("--table", required=True, type=Path, help="CSV or Parquet with ra, dec, rv_kms and more")
    worker.add_argument("--survey", nargs="+", default=[], help="only rows of these surveys; patterns as APOGEE*")
    worker.add_argument("--metrics-port", type=int, help="health and metrics; 0 takes any free port")
    asked = parser.parse_args()

    async def coordinate() -> None:
        await build_app(FederationSettings.load(), KafkaSettings.load(), RegistrySettings.load()).run()

    async def work() -> None:
        settings = FederationSettings.load()
        if asked.metrics_port is not None:
            settings = settings.model_copy(update={"worker_metrics_port": asked.metrics_port})
        await build_worker(settings, KafkaSettings.load(), asked.id, asked.table, asked.survey).run()

    if asked.kind == "worker":
        serve("federation-worker", work, level=lambda: FederationSettings.load().log_level)
    else:
        serve("federation", coordinate, level=lambda: FederationSettings.load().log_level)


if __name__ == "__main__":
    main()
