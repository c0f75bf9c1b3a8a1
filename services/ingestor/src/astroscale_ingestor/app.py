"""Composition root of the ingestor service: the drop folder, and nothing else yet."""

import asyncio

from astroscale_shared.messaging.clients import wait_for_broker
from astroscale_shared.runtime import shutdown
from astroscale_shared.runtime.health import HealthServer
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_ingestor.handlers import DropFolder
from astroscale_ingestor.metrics import IngestorMetrics
from astroscale_ingestor.settings import IngestorSettings


class App:
    """The running ingestor."""

    def __init__(self, settings: IngestorSettings, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._stop = asyncio.Event()
        self.metrics = IngestorMetrics()
        self.folder = DropFolder(settings, kafka, self.metrics)
        self.health = HealthServer(settings.host, settings.metrics_port, self.metrics, self.folder.unready)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; raises what ended it otherwise."""
        shutdown.on_signal(self._stop.set)
        await self.health.start()
        await wait_for_broker(self._kafka)
        watching = asyncio.create_task(self.folder.watch())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
        finally:
            for task in (watching, stopping):
                task.cancel()
            await asyncio.gather(watching, stopping, return_exceptions=True)
            await self.health.stop()


def build_app(settings: IngestorSettings, kafka: KafkaSettings) -> App:
    """Everything wired; call inside a running event loop."""
    return App(settings, kafka)
