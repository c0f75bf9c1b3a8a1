"""The encoded stream scored by inference, beside ONNX Runtime alone on the same rows, and requests meanwhile.

`python -m tests.bench.stream.score BATCHES` scores the pickled batches with the shipped model and prints the seconds.
"""

import asyncio
import contextlib
import json
import pickle
import subprocess
import sys
import time
from pathlib import Path

from astroscale_preprocessor.settings import PreprocessorSettings
from astroscale_shared.messaging import codec, topics
from astroscale_shared.messaging.transactions import Outgoing
from astroscale_shared.runtime.settings import KafkaSettings

from tests.bench.report import Row, percentile
from tests.bench.science.speed import shipped
from tests.bench.stream import broker, samples
from tests.bench.stream.programs import seconds_of
from tests.bench.stream.sizes import Sizes
from tests.bench.stream.taken import resident_mb
from tests.support.servers import running_redis
from tests.support.services import Service, running_service

ROWS_IN = "astroscale_inference_rows_in_total"
BACKLOG = 4
"""How many times the measured stars wait to be scored while requests are answered."""


class Score:
    """Figures of all repeats."""

    def __init__(self, settings: KafkaSettings, folder: Path, sizes: Sizes) -> None:
        self._settings, self._folder, self._sizes = settings, folder, sizes
        self._file = folder / "batches.sample"
        self.scored: list[float] = []
        self.alone: list[float] = []
        self.idle: list[float] = []
        self.busy: list[float] = []
        self.resident: list[float] = []

    async def measure(self) -> list[Row]:
        """Start everything once, measure in turning order."""
        await broker.skip(self._settings, topics.SCORING_GROUP, topics.ENCODED)
        size = PreprocessorSettings().batch_size
        batches = await asyncio.to_thread(lambda: samples.encoded(self._sizes.score, batch_size=size))
        rows = sum(int(dict(out.headers)["rows"]) for out in batches)
        self._file.write_bytes(pickle.dumps([out.value for out in batches]))
        with contextlib.ExitStack() as stack:
            redis = stack.enter_context(running_redis(self._folder))
            options = {"REDIS__URL": redis}
            service = stack.enter_context(running_service("inference", self._settings, self._folder, **options))
            gateway = stack.enter_context(running_service("gateway", self._settings, self._folder, **options))
            for repeat in range(-1, self._sizes.repeats):  # the first warms up
                runs = [lambda: self._service(service, batches, rows), lambda: self._alone(rows)]
                for run in reversed(runs) if repeat % 2 else runs:
                    await run()
                await self._requests(service, gateway, batches, rows)
                self.resident.append(await asyncio.to_thread(resident_mb, service.process.pid))
                if repeat < 0:
                    for figures in (self.scored, self.alone, self.idle, self.busy, self.resident):
                        figures.clear()
        return self._rows()

    async def _service(self, service: Service, batches: list[Outgoing], rows: int) -> None:
        before = await broker.ends(self._settings, topics.PREDICTIONS)
        wanted = await asyncio.to_thread(service.metric, ROWS_IN) + rows
        began = await broker.fill(self._settings, batches)
        await broker.until(lambda: service.metric(ROWS_IN) >= wanted, "all rows scored")
        ended = await broker.last_append(self._settings, topics.PREDICTIONS, before)
        self.scored.append(rows / (ended - began))

    async def _alone(self, rows: int) -> None:
        self.alone.append(rows / await asyncio.to_thread(seconds_of, "tests.bench.stream.score", self._file))

    async def _requests(self, service: Service, gateway: Service, batches: list[Outgoing], rows: int) -> None:
        """A lone caller, first on an idle system, then while the stream is scored at full speed all the time."""
        self.idle.append(await asyncio.to_thread(self._p95, gateway.url))
        wanted = await asyncio.to_thread(service.metric, ROWS_IN) + BACKLOG * rows
        await broker.fill(self._settings, batches * BACKLOG)
        self.busy.append(await asyncio.to_thread(self._p95, gateway.url))
        left = wanted - await asyncio.to_thread(service.metric, ROWS_IN)
        assert left > 0, "the stream was scored before all requests were answered: more rows are needed"
        await broker.until(lambda: service.metric(ROWS_IN) >= wanted, "all rows scored")

    def _p95(self, url: str) -> float:
        command = [sys.executable, "-m", "tests.bench.load", f"{url}/predict", str(self._sizes.requests), "1"]
        said = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=300).stdout)
        assert not said["failures"], f"{len(said['failures'])} requests failed"
        return percentile(said["latencies"], 0.95) * 1000

    def _rows(self) -> list[Row]:
        return [
            Row(
                "score the encoded stream", "stars/s", self.scored, "ONNX Runtime alone, same batches", self.alone,
                at_least=0.7, note=f"{self._sizes.score:,} stars, shipped model, one thread",
            ),
            Row(
                "/predict p95 while the stream is scored", "ms", self.busy, "idle", self.idle,
                at_most=3.0, note=f"{self._sizes.requests} requests of a lone caller",
            ),
            Row("RSS of inference", "MB", self.resident, value_at_most=300, note="after each repeat"),
        ]  # fmt: skip


def main() -> None:
    """ONNX Runtime on features that lie ready, as it is loaded in the service."""
    values: list[bytes] = pickle.loads(Path(sys.argv[1]).read_bytes())  # noqa: S301 - written by the benchmark itself
    model, _, _ = shipped()
    features = [codec.features(codec.from_trusted(value)) for value in values]
    model.score(features[0])
    began = time.perf_counter()
    for of_batch in features:
        model.score(of_batch)
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main()
