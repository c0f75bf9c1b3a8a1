"""Composition root of the preprocessor: all wiring, and nothing else."""

import asyncio

from astroscale_shared.messaging import topics
from astroscale_shared.messaging.clients import wait_for_broker
from astroscale_shared.messaging.transactions import TransactionsLoop
from astroscale_shared.runtime import shutdown
from astroscale_shared.runtime.health import HealthServer
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_preprocessor.handlers import Encode
from astroscale_preprocessor.metrics import PreprocessorMetrics
from astroscale_preprocessor.settings import PreprocessorSettings
from astroscale_preprocessor.weighing import weigh


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
            max_weight=settings.max_bytes,
            weigh=weigh,
            instance_id=settings.instance_id,
            producer_options={"max_request_size": topics.DLQ_MAX_BYTES},
        )
        self.health = HealthServer(settings.host, settings.metrics_port, self.metrics, self.loop.unready)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        shutdown.on_signal(self.loop.stop)
        await self.health.start()
        await wait_for_broker(self._kafka)
        working = asyncio.create_task(self.loop.run(), name="loop")
        reporting = asyncio.create_task(self.metrics.lag.report(topics.PREPROCESSOR_GROUP, self.loop.lag), name="lag")
        try:
            done, _ = await asyncio.wait({working, reporting}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            reporting.cancel()
            self.loop.stop()
            await asyncio.gather(working, reporting, return_exceptions=True)
            await self.health.stop()


def build_app(settings: PreprocessorSettings, kafka: KafkaSettings) -> App:
    """Everything wired; call inside a running event loop."""
    return App(settings, kafka)
