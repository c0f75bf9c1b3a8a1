"""Latency and throughput of POST /predict, beside a bare round trip over the same broker and a bare FastAPI echo.

Every repeat measures all of them one after the other, in turning order; what is printed are medians of the repeats.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from astroscale_local.ports import free_port

from tests.bench.report import Row, machine, percentile, publish
from tests.support.system import running_system

ONE_ROW_BYTES = 1_500
"""About what a message with one star has."""


def run_json(*arguments: object, timeout: float = 300) -> Any:
    """What one of this folder's programs prints."""
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=timeout)
    return json.loads(done.stdout)


@contextlib.contextmanager
def running(*arguments: object, ready: Callable[[], bool]) -> Generator[None]:
    """One of this folder's programs, from ready to stopped."""
    process = subprocess.Popen([sys.executable, "-m", *map(str, arguments)])
    try:
        end = time.monotonic() + 30
        while not ready():
            assert process.poll() is None, f"{arguments[0]} ended"
            assert time.monotonic() < end, f"{arguments[0]} is not ready after 30 s"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def echoes(bootstrap: str) -> Generator[tuple[str, list[str]]]:
    """The two references: the echo's URL, and the arguments of a call over the broker."""
    there, back = (f"bench.{way}.{uuid.uuid4().hex[:8]}" for way in ("there", "back"))
    asyncio.run(_make_topics(bootstrap, there, back))
    port = free_port()

    def up() -> bool:
        try:
            return not run_json("tests.bench.load", f"http://127.0.0.1:{port}/echo", 1, 1)["failures"]
        except subprocess.SubprocessError:
            return False

    def echoed() -> bool:
        try:
            return bool(run_json("tests.bench.echo_kafka", "call", bootstrap, there, back, 1, 10, timeout=10))
        except subprocess.SubprocessError:
            return False

    serve = running("tests.bench.echo_kafka", "serve", bootstrap, there, back, ready=echoed)
    with serve, running("tests.bench.echo_http", port, ready=up):
        yield f"http://127.0.0.1:{port}/echo", [bootstrap, there, back]


async def _make_topics(bootstrap: str, *names: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1, 1) for name in names])
    finally:
        await admin.close()


class Figures:
    """Values of each run, by name."""

    def __init__(self) -> None:
        self.of: dict[str, list[float]] = {}

    def add(self, name: str, latencies: list[float], seconds: float) -> None:
        """One run: p50 and p99 in ms, requests/s."""
        self.of.setdefault(f"{name} p50", []).append(percentile(latencies, 0.5) * 1000)
        self.of.setdefault(f"{name} p99", []).append(percentile(latencies, 0.99) * 1000)
        self.of.setdefault(f"{name} rate", []).append(len(latencies) / seconds)


def measure(url: str, bootstrap: str, *, repeats: int, sequential: int, concurrent: int, callers: int) -> Figures:
    """All runs."""
    figures = Figures()

    def http(name: str, address: str, requests: int, callers: int) -> None:
        said = run_json("tests.bench.load", address, requests, callers)
        assert not said["failures"], f"{name}: {len(said['failures'])} failures, first is {said['failures'][0]}"
        figures.add(name, said["latencies"], said["seconds"])

    with echoes(bootstrap) as (echo_url, kafka):

        def broker(name: str) -> None:
            seconds = run_json("tests.bench.echo_kafka", "call", *kafka, sequential, ONE_ROW_BYTES)
            figures.add(name, seconds, sum(seconds))

        runs: list[Callable[[], None]] = [
            lambda: broker("kafka 1"),
            lambda: http("predict 1", f"{url}/predict", sequential, 1),
            lambda: http("echo 1", echo_url, sequential, 1),
            lambda: http("predict n", f"{url}/predict", concurrent, callers),
            lambda: http("echo n", echo_url, concurrent, callers),
        ]
        for run in runs:  # warm-up, not counted
            run()
        figures.of.clear()
        for repeat in range(repeats):
            for run in runs if repeat % 2 == 0 else reversed(runs):
                run()
            print(f"repeat {repeat + 1} of {repeats} done", file=sys.stderr)
    return figures


def rows(figures: Figures, callers: int) -> list[Row]:
    """What is shown."""
    of = figures.of
    kafka, echo = "bare Kafka round trip", "bare FastAPI echo"
    return [
        Row("predict p50, 1 caller", "ms", of["predict 1 p50"], kafka, of["kafka 1 p50"], at_most=2.0),
        Row("predict p99, 1 caller", "ms", of["predict 1 p99"], kafka, of["kafka 1 p99"]),
        Row("predict p50, 1 caller, beside HTTP", "ms", of["predict 1 p50"], echo, of["echo 1 p50"]),
        Row(f"predict, {callers} callers", "requests/s", of["predict n rate"], echo, of["echo n rate"], at_least=0.5),
        Row(f"predict p50, {callers} callers", "ms", of["predict n p50"], echo, of["echo n p50"]),
        Row(f"predict p99, {callers} callers", "ms", of["predict n p99"], echo, of["echo n p99"]),
    ]


def main() -> int:
    """Command line; exit code 1 with --strict where an aim is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--url", help="a gateway that runs already; without it a system of its own is started")
    parser.add_argument("--bootstrap", default="127.0.0.1:9092", help="the broker of that gateway")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sequential", type=int, default=2_000, help="calls of one caller, each repeat")
    parser.add_argument("--concurrent", type=int, default=10_000, help="calls of all callers together, each repeat")
    parser.add_argument("--callers", type=int, default=200)
    parser.add_argument("--strict", action="store_true", help="exit with 1 where an aim is missed")
    asked = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    about = machine()
    options = {"repeats": asked.repeats, "sequential": asked.sequential, "concurrent": asked.concurrent}
    with contextlib.ExitStack() as stack:
        url, bootstrap = asked.url, asked.bootstrap
        if url is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="astroscale-bench-")))
            system = stack.enter_context(running_system(folder / "state"))
            url, bootstrap = system.gateway_url, system.kafka_bootstrap
        figures = measure(url.rstrip("/"), bootstrap, callers=asked.callers, **options)
    met = publish("predict", rows(figures, asked.callers), about, runs=options | {"callers": asked.callers})
    return 1 if asked.strict and not met else 0
