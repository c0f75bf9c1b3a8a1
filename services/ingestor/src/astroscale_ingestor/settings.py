"""Settings of the ingestor."""

from pathlib import Path

from astroscale_shared.runtime.settings import ServiceSettings
from pydantic import Field


class IngestorSettings(ServiceSettings):
    """watch_dir: the drop folder of the service. concurrent_downloads: files taken from it, or fetched, at once."""

    section = "INGESTOR"
    table = "ingestion"

    metrics_port: int = 9101
    watch_dir: Path = Path(".astroscale/incoming")
    poll_seconds: float = Field(default=1.0, gt=0)
    settle_seconds: float = Field(default=2.0, ge=0)
    concurrent_downloads: int = Field(default=4, ge=1, le=64)
