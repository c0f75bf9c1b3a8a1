"""A worker: says that it is there, computes what a round asks for from its own stars, publishes only that."""

import asyncio
import time
from uuid import uuid4

from astroscale_shared.messaging import topics
from astroscale_shared.runtime import logging
from astroscale_shared.stars.observations import Observations

from astroscale_federation import wire
from astroscale_federation.domain.local import LocalStars
from astroscale_federation.messages import RoundOpened, Update, WorkerNotice
from astroscale_federation.metrics import WorkerMetrics
from astroscale_federation.subscriptions import TENSORS, Subscriptions

VERSION = "0.1.0"
_REMEMBERED = 1000


class Worker:
    """One archive in all federations that select it."""

    def __init__(
        self, worker: str, stars: Observations, local: LocalStars, metrics: WorkerMetrics, out: Subscriptions
    ) -> None:
        self._worker = worker
        self._session = uuid4().hex
        self._rows = len(stars)
        self._surveys: dict[str, int] = {}
        for survey in stars.survey:
            if survey is not None:
                self._surveys[str(survey)] = self._surveys.get(str(survey), 0) + 1
        self._local = local
        self._metrics = metrics
        self._out = out
        self._log = logging.get("worker")
        self._answered: dict[tuple[str, int, str], None] = {}
        self.greeted = 0.0
        metrics.rows.set(local.training_rows)

    async def join(self) -> None:
        """Say that it came. Call once the rounds topic is followed."""
        await self._notify("worker.joined")
        self._log.info("joined", worker=self._worker, rows=self._rows, surveys=self._surveys)

    async def greet(self) -> None:
        """Say that it is there."""
        await self._notify("worker.heartbeat")

    async def leave(self) -> None:
        """Say that it goes."""
        await self._notify("worker.left")

    async def _notify(self, kind: str) -> None:
        notice = WorkerNotice(
            type=kind,  # pyright: ignore[reportArgumentType] - one of the three, from above
            worker=self._worker,
            session=self._session,
            rows=self._rows,
            surveys=self._surveys,
            version=VERSION,
        )
        await self._out.publish(topics.FEDERATION_WORKERS, notice.model_dump_json(), key=self._worker)
        self.greeted = time.monotonic()

    async def run(self, every_s: float) -> None:
        """Heartbeats until cancelled, also while a round is computed."""
        while True:
            await asyncio.sleep(every_s)
            await self.greet()

    async def on_round(self, opened: RoundOpened, base: wire.Tensors) -> None:
        """Answer a round that selected this worker; a round that is told again was answered once."""
        key = (opened.federation, opened.round, opened.base_hash)
        if self._worker not in opened.selected or key in self._answered:
            return
        if wire.digest(base) != opened.base_hash:
            self._log.error("base_model_damaged", federation=opened.federation, round=opened.round)
            return
        began = time.perf_counter()
        tensors = await asyncio.to_thread(self._local.answer, opened.phase, opened.plan, base)
        seconds = time.perf_counter() - began
        update = Update(
            federation=opened.federation,
            round=opened.round,
            phase=opened.phase,
            worker=self._worker,
            session=self._session,
            base_hash=opened.base_hash,
            rows=self._local.training_rows,
        )
        await self._out.publish(
            topics.FEDERATION_UPDATES,
            wire.pack(update.model_dump_json(), tensors),
            key=opened.federation,
            content_type=TENSORS,
        )
        self._answered[key] = None
        if len(self._answered) > _REMEMBERED:
            del self._answered[next(iter(self._answered))]
        self._metrics.rounds.labels(opened.phase).inc()
        self._metrics.work_duration.observe(seconds)
        self._log.info(
            "answered", federation=opened.federation, round=opened.round, phase=opened.phase, seconds=round(seconds, 4)
        )
