"""Composition root: the coordinator and the worker, wired; nothing else."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence
from pathlib import Path

from astroscale_shared.messaging import topics
from astroscale_shared.messaging.clients import wait_for_broker
from astroscale_shared.registry import open_registry
from astroscale_shared.runtime import logging, shutdown
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.health import HealthServer
from astroscale_shared.runtime.settings import KafkaSettings, RegistrySettings

from astroscale_federation import handlers, tables
from astroscale_federation.coordinator import Coordinator
from astroscale_federation.domain.local import LocalStars
from astroscale_federation.metrics import CoordinatorMetrics, WorkerMetrics
from astroscale_federation.settings import FederationSettings
from astroscale_federation.subscriptions import Subscriptions
from astroscale_federation.worker import Worker

STALLED_AFTER_S = 15.0
_LEAVE_TIMEOUT_S = 5.0


class _Process(ABC):
    """What both processes are: topics, health, and work that a signal or the first failure ends."""

    topics: Subscriptions
    health: HealthServer

    def __init__(self) -> None:
        self._stop = asyncio.Event()
        self._failure: BaseException | None = None
        self._log = logging.get("app")

    def fail(self, error: BaseException) -> None:
        """End with this error."""
        if self._failure is None:
            self._failure = error
        self._stop.set()

    async def run(self) -> None:
        """Work until SIGTERM, SIGINT or a failure; raises the failure."""
        shutdown.on_signal(self._stop.set)
        await self.health.start()
        try:
            await self._live(self._work())
        finally:
            await self.topics.stop()
            await self.health.stop()

    @abstractmethod
    async def _work(self) -> None: ...

    async def _live(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        finally:
            task.cancel()
            stopping.cancel()
            await asyncio.gather(task, stopping, return_exceptions=True)
        if self._failure is not None:
            raise self._failure


class CoordinatorApp(_Process):
    """The running coordinator."""

    def __init__(self, settings: FederationSettings, kafka: KafkaSettings, registry: RegistrySettings) -> None:
        super().__init__()
        self._kafka = kafka
        self.metrics = CoordinatorMetrics()
        self.topics = Subscriptions(kafka, self.fail)
        self.coordinator = Coordinator(settings, kafka, open_registry(registry), self.metrics, self.topics)
        self.topics.add(
            topics.FEDERATION_ROUNDS, handlers.takeovers(self.coordinator, self._over), from_beginning=False
        )
        self.topics.add(topics.FEDERATION_WORKERS, handlers.notices(self.coordinator), from_beginning=False)
        self.topics.add(topics.FEDERATION_UPDATES, self.coordinator.on_update, from_beginning=True)
        self.topics.add(topics.FEDERATION_COMMANDS, handlers.commands(self.coordinator), from_beginning=True)
        self.health = HealthServer(settings.host, settings.metrics_port, self.metrics, self.unready)

    def _over(self, instance: str) -> None:
        self.fail(AstroScaleError("superseded", f"coordinator {instance} took over; one at a time is enough"))

    def unready(self) -> list[str]:
        """Why the coordinator is not ready; empty when it is."""
        if not self.coordinator.ticked:
            return ["the federations' state is not read yet"]
        reasons = self.topics.unready()
        if time.monotonic() - self.coordinator.ticked > STALLED_AFTER_S:
            reasons.append(f"no federation was looked at for {STALLED_AFTER_S:g} s")
        return reasons

    async def _work(self) -> None:
        await wait_for_broker(self._kafka)
        await self.coordinator.restore()
        await self.topics.start()
        await self.coordinator.begin()
        await self.coordinator.run()


class WorkerApp(_Process):
    """A running worker."""

    def __init__(
        self, settings: FederationSettings, kafka: KafkaSettings, worker: str, table: Path, surveys: Sequence[str]
    ) -> None:
        super().__init__()
        self._settings = settings
        self._kafka = kafka
        self._name, self._table, self._surveys = worker, table, surveys
        self._worker: Worker | None = None
        self.metrics = WorkerMetrics()
        self.topics = Subscriptions(kafka, self.fail)
        self.health = HealthServer(settings.host, settings.worker_metrics_port, self.metrics, self.unready)

    def unready(self) -> list[str]:
        """Why the worker is not ready; empty when it is."""
        if self._worker is None or not self._worker.greeted:
            return ["the worker has not joined yet"]
        reasons = self.topics.unready()
        if time.monotonic() - self._worker.greeted > STALLED_AFTER_S + self._settings.heartbeat_s:
            reasons.append("Kafka took no heartbeat lately")
        return reasons

    async def _work(self) -> None:
        worker = await self._prepare()
        await wait_for_broker(self._kafka)
        self.topics.add(topics.FEDERATION_ROUNDS, handlers.rounds(worker), from_beginning=False)
        await self.topics.start()
        await worker.join()
        self._worker = worker
        try:
            await worker.run(self._settings.heartbeat_s)
        finally:
            # Also when cancelled: whoever waits for this worker need not wait for its deadline.
            async with asyncio.timeout(_LEAVE_TIMEOUT_S):
                await worker.leave()

    async def _prepare(self) -> Worker:
        stars, left_out = await asyncio.to_thread(tables.read, self._table, self._surveys)
        local = await asyncio.to_thread(LocalStars, stars) if len(stars) else None
        if local is None or local.training_rows < self._settings.minimum_rows:
            raise AstroScaleError(
                "too_few_stars",
                f"{self._table.name} has {len(stars)} usable stars: fewer than {self._settings.minimum_rows} to train on",
            )
        logging.get("worker").info("table_read", rows=len(stars), left_out=left_out, training=local.training_rows)
        return Worker(self._name, stars, local, self.metrics, self.topics)


def build_app(settings: FederationSettings, kafka: KafkaSettings, registry: RegistrySettings) -> CoordinatorApp:
    """The coordinator, wired; call inside a running event loop."""
    return CoordinatorApp(settings, kafka, registry)


def build_worker(
    settings: FederationSettings, kafka: KafkaSettings, worker: str, table: Path, surveys: Sequence[str]
) -> WorkerApp:
    """A worker, wired; call inside a running event loop."""
    return WorkerApp(settings, kafka, worker, table, surveys)
