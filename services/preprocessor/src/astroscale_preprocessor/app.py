"""Composition root of the preprocessor: all wiring, and nothing else."""

import asyncio
import contextlib

from astroscale_shared.messaging import topics
from astroscale_shared.messaging.clients import wait_for_broker
from astroscale_shared.messaging.transactions import TransactionsLoop
from astroscale_shared.runtime import shutdown
from astroscale_shared.runtime.health import HealthServer
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_preprocessor.handlers import Encode
from astroscale_preprocessor.metrics import PreprocessorMetrics
from astroscale_preprocessor.settings import PreprocessorSettings

LAG_EVERY_S = 2.0


class App:
    """The running preprocessor."""

    def __init__(self, settings: PreprocessorSettings, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self.metrics = PreprocessorMetrics()
        self.loop = TransactionsLoop(
            kafka,
            topic=topics.RAW,
            group=topics.PREPROCESSOR_GROUP,
            process=Encode(self.metrics, batch_size=settings.batch_size),
            workers=settings.workers,
            max_records=settings.max_messages,
            producer_options={"max_request_size": topics.DLQ_MAX_BYTES},
        )
        self.health = HealthServer(settings.host, settings.metrics_port, self.metrics, self.loop.unready)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        shutdown.on_signal(self.loop.stop)
        await self.health.start()
        await wait_for_broker(self._kafka)
        reporter = asyncio.create_task(self._report_lag())
        try:
            await self.loop.run()
        finally:
            reporter.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reporter
            await self.health.stop()

    async def _report_lag(self) -> None:
        while True:
            await asyncio.sleep(LAG_EVERY_S)
            lags = await self.loop.lag()
            self.metrics.lag.clear()
            for partition, lag in lags.items():
                self.metrics.lag.labels(str(partition)).set(lag)


def build_app(settings: PreprocessorSettings, kafka: KafkaSettings) -> App:
    """Everything wired; call inside a running event loop."""
    return App(settings, kafka)
