"""Settings of inference."""

from astroscale_shared.runtime.settings import ServiceSettings
from pydantic import Field


class InferenceSettings(ServiceSettings):
    """slot: which slot of published models is served. threads: ONNX Runtime's, per session; scale by processes."""

    section = "INFERENCE"
    table = "inference"

    metrics_port: int = 9103
    slot: str = "default"
    threads: int = Field(default=1, ge=1, le=64)
    max_messages: int = Field(default=200, ge=1, le=10_000)
    max_rows_a_request: int = Field(default=10_000, ge=1)
    score_stream: bool = True
    answer_requests: bool = True
