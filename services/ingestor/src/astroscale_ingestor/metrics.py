"""Metrics of the ingestor."""

from astroscale_shared.runtime.metrics import Metrics


class IngestorMetrics(Metrics):
    """Counts what is committed."""

    def __init__(self) -> None:
        super().__init__("ingestor")
        self.rows = self.counter("rows", "rows published to the raw topic")
        self.messages = self.counter("messages", "messages published to the raw topic")
        self.files = self.counter("files", "files of the drop folder, by outcome", ["outcome"])
        self.active = self.gauge("files_active", "files being ingested")
