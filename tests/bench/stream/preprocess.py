"""Raw to encoded, exactly once: the preprocessor as a process, beside a bare pipe and beside a plain handler."""

import asyncio
import contextlib
import pickle
import uuid
from pathlib import Path

from astroscale_ingestor.ingest import CHUNK_ROWS
from astroscale_preprocessor.settings import PreprocessorSettings
from astroscale_shared.messaging import topics
from astroscale_shared.runtime.settings import KafkaSettings

from tests.bench.report import Row
from tests.bench.stream import broker, samples
from tests.bench.stream.broker import PARTITIONS
from tests.bench.stream.programs import Program, running
from tests.bench.stream.sizes import Sizes
from tests.bench.stream.taken import cpu_seconds, resident_mb
from tests.support.services import Service, running_service

ROWS_IN = "astroscale_preprocessor_rows_in_total"


class Figures:
    """Of each repeat: stars/s, and the processor's seconds for a million stars."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.costs: list[float] = []

    def add(self, rows: int, seconds: float, cpu: float) -> None:
        """One repeat."""
        self.rates.append(rows / seconds)
        self.costs.append(cpu / rows * 1e6)

    def clear(self) -> None:
        """Forget what warmed up."""
        self.rates.clear()
        self.costs.clear()


class Preprocess:
    """Figures of all repeats."""

    def __init__(self, settings: KafkaSettings, folder: Path, sizes: Sizes) -> None:
        self._settings, self._folder, self._sizes = settings, folder, sizes
        tag = uuid.uuid4().hex[:8]
        self._in, self._out, self._singles, self._answers = (
            f"bench.{what}.{tag}" for what in ("in", "out", "singles", "answers")
        )
        self.arrow, self.pipe, self.json, self.plain = Figures(), Figures(), Figures(), Figures()
        self.resident: list[float] = []
        self.small, self.large = Figures(), Figures()

    async def measure(self) -> list[Row]:
        """Start everything once, measure in turning order."""
        await broker.make_topics(self._settings, self._in, self._out, self._singles, self._answers)
        sample = self._folder / "encoded.sample"
        size = PreprocessorSettings().batch_size
        made = samples.encoded(CHUNK_ROWS, batch_size=size, distinct=1)
        sample.write_bytes(pickle.dumps([out.value for out in made]))
        pipe_arguments = (self._settings.bootstrap_servers, self._in, self._out, f"{self._in}.pipe", sample)
        plain_arguments = (self._settings.bootstrap_servers, self._singles, self._answers)
        with contextlib.ExitStack() as stack:
            pipe = stack.enter_context(running("tests.bench.stream.pipe", *pipe_arguments))
            plain = stack.enter_context(running("tests.bench.stream.plain", *plain_arguments))
            service = stack.enter_context(running_service("preprocessor", self._settings, self._folder))
            await broker.until(lambda: pipe.ready == PARTITIONS and plain.ready == 1, "the references are ready", 30)
            for repeat in range(-1, self._sizes.repeats):  # the first warms up
                await self._repeat(service, pipe, plain, turned=repeat % 2 == 1)
                if repeat < 0:
                    for figures in (self.arrow, self.pipe, self.json, self.plain, self.resident):
                        figures.clear()
            for into, n in ((self.small, self._sizes.arrow), (self.large, self._sizes.growth)):
                await self._service(service, n, into, as_json=False)
            self.resident.append(await asyncio.to_thread(resident_mb, service.process.pid))
        return self._rows()

    async def _repeat(self, service: Service, pipe: Program, plain: Program, *, turned: bool) -> None:
        runs = [
            lambda: self._service(service, self._sizes.arrow, self.arrow, as_json=False),
            lambda: self._pipe(pipe),
            lambda: self._service(service, self._sizes.json, self.json, as_json=True),
            lambda: self._plain(plain),
        ]
        for run in reversed(runs) if turned else runs:
            await run()
        self.resident.append(await asyncio.to_thread(resident_mb, service.process.pid))

    async def _service(self, service: Service, n: int, into: Figures, *, as_json: bool) -> None:
        messages = (samples.raw_json if as_json else samples.raw_arrow)(topics.RAW, n)
        rows = n if as_json else len(messages) * min(CHUNK_ROWS, n)
        before = await broker.ends(self._settings, topics.ENCODED)
        wanted = await asyncio.to_thread(service.metric, ROWS_IN) + rows
        began = await broker.fill(self._settings, messages)
        spent = cpu_seconds(service.process.pid)
        await broker.until(lambda: service.metric(ROWS_IN) >= wanted, "all rows encoded")
        spent = cpu_seconds(service.process.pid) - spent
        ended = await broker.last_append(self._settings, topics.ENCODED, before)
        into.add(rows, ended - began, spent)

    async def _pipe(self, pipe: Program) -> None:
        messages = samples.raw_arrow(self._in, self._sizes.arrow)
        await self._reference(pipe, messages, self._out, self.pipe, rows_a_message=CHUNK_ROWS)

    async def _plain(self, plain: Program) -> None:
        messages = samples.raw_json(self._singles, self._sizes.plain)
        await self._reference(plain, messages, self._answers, self.plain, rows_a_message=1)

    async def _reference(
        self, program: Program, messages: list[samples.Outgoing], out: str, into: Figures, *, rows_a_message: int
    ) -> None:
        before = await broker.ends(self._settings, out)
        wanted = program.count + len(messages)
        began = await broker.fill(self._settings, messages)
        spent = cpu_seconds(program.process.pid)
        await broker.until(lambda: program.reached(wanted), "the reference has read all")
        spent = cpu_seconds(program.process.pid) - spent
        ended = await broker.last_append(self._settings, out, before)
        into.add(len(messages) * rows_a_message, ended - began, spent)

    def _rows(self) -> list[Row]:
        pipe, plain = "bare transactional pipe, same bytes", "plain FastStream handler"
        return [
            Row(
                "preprocess raw Arrow -> encoded", "stars/s", self.arrow.rates, pipe, self.pipe.rates,
                value_at_least=600_000, at_least=0.5, note=f"{self._sizes.arrow:,} stars, exactly once",
            ),
            Row("CPU of it, a million stars", "s", self.arrow.costs, pipe, self.pipe.costs, note="the process alone"),
            Row(
                "preprocess single JSON messages", "stars/s", self.json.rates, plain, self.plain.rates,
                value_at_least=60_000, at_least=25, note=f"{self._sizes.json:,} messages, exactly once",
            ),
            Row("CPU of it, a million messages", "s", self.json.costs, plain, self.plain.costs, note="the process alone"),
            Row(
                "preprocess a larger backlog", "stars/s", self.large.rates, f"{self._sizes.arrow:,} stars", self.small.rates,
                at_least=0.9, note=f"{self._sizes.growth:,} stars, on topics that are filled",
            ),
            Row("RSS of the preprocessor", "MB", self.resident, value_at_most=300, note="after each repeat"),
        ]  # fmt: skip
