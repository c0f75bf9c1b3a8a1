"""What the supervisor reads: its own settings, and of each service's only where it listens."""

from pathlib import Path

from astroscale_shared.runtime.settings import Settings
from pydantic import Field
from pydantic_settings import SettingsConfigDict


class LocalSettings(Settings):
    """How the system runs on this machine."""

    section = "LOCAL"
    table = "local"

    state_dir: Path = Field(Path(".astroscale"), description="The one folder for logs, data, registry and pids.")
    sample: Path = Field(Path("data/sample/mock_catalogue.csv"), description="The table that the first start streams.")
    kafka_heap: str = Field("768m", description="Memory for Kafka's heap, as Java writes it.")
    ready_timeout_s: float = Field(90.0, gt=0, description="How long a part may take to become ready.")
    stop_timeout_s: float = Field(15.0, gt=0, description="How long a part may take to stop before it is killed.")
    minimum_free_gb: float = Field(2.0, ge=0, description="Free disk space that a start insists on.")


class _Listens(Settings):
    """A part of a service's own section; the rest is the service's business."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)
    host: str = "127.0.0.1"


class GatewayListens(_Listens):
    section = "GATEWAY"
    table = "gateway"
    port: int = 8080
    tls_certfile: Path | None = None


class IngestorListens(_Listens):
    section = "INGESTOR"
    table = "ingestion"
    metrics_port: int = 9101
    watch_dir: Path | None = None


class PreprocessorListens(_Listens):
    section = "PREPROCESSOR"
    table = "preprocessing"
    metrics_port: int = 9102


class InferenceListens(_Listens):
    section = "INFERENCE"
    table = "inference"
    metrics_port: int = 9103


class FederationListens(_Listens):
    section = "FEDERATION"
    table = "federated"
    metrics_port: int = 9104
    enabled: bool = True
