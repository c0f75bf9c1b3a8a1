"""Settings of the gateway."""

from pathlib import Path
from typing import Self

from astroscale_shared.runtime.settings import LogLevel, Settings
from pydantic import Field, SecretStr, model_validator


class GatewaySettings(Settings):
    """How the gateway listens, how long and how many may wait, and who may ask.

    deadline_seconds: from a request's arrival to its 504. max_waiting: beyond it 503. batch_window_ms: how long a
    request may wait for company while others are under way (an idle gateway sends at once). max_body_bytes: beyond it
    413. cors_origins: pages of other origins that may ask (JSON list in the environment); none by default.

    table_...: of /predict/batch. Stars and bytes of one request; how many requests may be there at once (beyond it 503);
    stars of one message to inference, and how many such messages may be under way for all callers together: a lone
    star's request waits for those that inference is busy with.
    """

    section = "GATEWAY"
    table = "gateway"

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    log_level: LogLevel = "info"
    access_log: bool = True
    deadline_seconds: float = Field(default=5.0, gt=0, le=300)
    max_waiting: int = Field(default=1000, ge=1)
    max_body_bytes: int = Field(default=65_536, ge=1_024)
    body_timeout_seconds: float = Field(default=10.0, gt=0)
    batch_window_ms: float = Field(default=1.0, ge=0, le=1_000)
    batch_max_rows: int = Field(default=512, ge=1, le=5_000)
    batches_in_flight: int = Field(default=4, ge=1, le=64)
    table_max_rows: int = Field(default=10_000, ge=1, le=1_000_000)
    table_max_body_bytes: int = Field(default=8 << 20, ge=1_024)
    table_max_waiting: int = Field(default=8, ge=1, le=1_000)
    table_deadline_seconds: float = Field(default=30.0, gt=0, le=3_600)
    table_rows_a_message: int = Field(default=1_000, ge=1, le=5_000)
    table_messages_in_flight: int = Field(default=2, ge=1, le=64)
    probe_seconds: float = Field(default=3.0, gt=0, le=60)
    reply_lease_seconds: float = Field(default=30.0, ge=3, le=600)
    idempotency_seconds: int = Field(default=600, ge=1)
    cors_origins: tuple[str, ...] = ()
    api_key: SecretStr | None = None
    tls_certfile: Path | None = None
    tls_keyfile: Path | None = None
    static_dir: Path = Path(__file__).parent / "static"

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.tls_certfile is None) != (self.tls_keyfile is None):
            raise ValueError("tls_certfile and tls_keyfile belong together: set both or none")
        return self
