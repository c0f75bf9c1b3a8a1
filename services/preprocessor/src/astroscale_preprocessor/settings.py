"""Settings of the preprocessor."""

from astroscale_shared.runtime.settings import ServiceSettings
from pydantic import Field


class PreprocessorSettings(ServiceSettings):
    """batch_size: rows of an encoded batch at most; inference spends a tenth less on a row of 4,096 than of 1,024.
    workers: partitions that compute at the same time."""

    section = "PREPROCESSOR"
    table = "preprocessing"

    metrics_port: int = 9102
    batch_size: int = Field(default=4096, ge=1, le=8192)
    max_messages: int = Field(default=2_000, ge=1, le=100_000)
    workers: int = Field(default=2, ge=1, le=64)
    max_bytes: int = Field(default=8 << 20, ge=1 << 16, le=1 << 30)
    instance_id: str | None = None
