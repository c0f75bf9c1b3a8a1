"""Settings of the federation: section FEDERATION of the environment, table [federated] of the file."""

from astroscale_shared.runtime.settings import ServiceSettings
from pydantic import Field


class FederationSettings(ServiceSettings):
    """Archives train one model and keep their data: the coordinator and its workers."""

    section = "FEDERATION"
    table = "federated"

    enabled: bool = Field(default=True, description="Whether `up` starts the coordinator.")
    metrics_port: int = Field(default=9104, ge=0, le=65535, description="Health and metrics of the coordinator.")
    worker_metrics_port: int = Field(
        default=0, ge=0, le=65535, description="The same of a worker; 0 takes any free one."
    )
    heartbeat_s: float = Field(default=3.0, gt=0, description="How often a worker says that it is there.")
    worker_timeout_s: float = Field(
        default=12.0, gt=0, description="A worker that was silent for so long is not selected."
    )
    minimum_rows: int = Field(default=50, ge=1, description="A worker with fewer usable stars does not start.")
