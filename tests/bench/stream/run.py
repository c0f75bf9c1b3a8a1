"""The table: every figure beside its reference from the same run on the same broker, medians of interleaved repeats."""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from astroscale_shared.messaging.provisioning import provision
from astroscale_shared.runtime.settings import KafkaSettings, RegistrySettings
from rich.console import Console

from tests.bench.report import Row, machine, publish
from tests.bench.stream import cores, ingest, latency
from tests.bench.stream.preprocess import Preprocess
from tests.bench.stream.score import Score
from tests.bench.stream.sizes import FULL, QUICK, Sizes
from tests.support.servers import running_kafka

Measure = Callable[[KafkaSettings, Path, Sizes], Coroutine[Any, Any, list[Row]]]


async def _cores(_settings: KafkaSettings, _folder: Path, sizes: Sizes) -> list[Row]:
    return await asyncio.to_thread(cores.measure, sizes.repeats)


MEASUREMENTS: dict[str, Measure] = {
    "cores": _cores,
    "ingest": ingest.measure,
    "preprocess": lambda settings, folder, sizes: Preprocess(settings, folder, sizes).measure(),
    "latency": latency.measure,
    "score": lambda settings, folder, sizes: Score(settings, folder, sizes).measure(),
}


def main() -> int:
    """Command line; exit code 1 where something could not be measured, with --strict also where an aim is missed."""
    parser = argparse.ArgumentParser(prog="make bench-stream", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, some minutes")
    parser.add_argument(
        "--only", nargs="+", choices=list(MEASUREMENTS), help="these measurements only; nothing is kept"
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 where an aim is missed")
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    sizes = QUICK if asked.quick else FULL
    about, began, console = machine(), time.monotonic(), Console(stderr=True)
    rows: list[Row] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="astroscale-bench-") as name:
        folder = Path(name)
        os.environ["ASTROSCALE_REGISTRY__ROOT"] = str(folder / "registry")
        os.environ["ASTROSCALE_CONFIG"] = str(folder / "no-config.toml")
        with running_kafka(folder) as kafka:
            settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
            asyncio.run(asyncio.wait_for(provision(settings, RegistrySettings.load()), 60))
            left = list(asked.only or MEASUREMENTS)
            while left:
                measurement = left.pop(0)
                console.print(f"[dim]{time.monotonic() - began:6.0f} s[/dim]  {measurement}")
                try:
                    rows += asyncio.run(MEASUREMENTS[measurement](settings, folder, sizes))
                except KeyboardInterrupt:  # what was measured is worth its time
                    failed += [measurement, *left]
                    left.clear()
                except Exception as error:  # noqa: BLE001 - an hour's other figures are not thrown away for it
                    console.print(f"[red]{measurement} was not measured:[/red] {error!r}", highlight=False)
                    failed.append(measurement)
    about["load_after"] = round(os.getloadavg()[0], 2)
    suite = "stream" if not asked.only else "stream-part"
    more: dict[str, Any] = {"not_measured": failed, "quick": asked.quick, "seconds": round(time.monotonic() - began)}
    met = publish(suite, rows, about, **more)
    return 1 if failed or (asked.strict and not met) else 0
