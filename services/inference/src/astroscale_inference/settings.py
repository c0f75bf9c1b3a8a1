"""Settings of inference."""

from astroscale_shared.registry.announcement import DEFAULT_SLOT, SHADOW_SLOT
from astroscale_shared.runtime.settings import ServiceSettings
from pydantic import Field


class InferenceSettings(ServiceSettings):
    """slot: which slot of published models is served. shadow_slot: whose model scores the stream beside it, if
    score_shadow. threads: ONNX Runtime's, per session; scale by processes. execution_providers: ONNX Runtime's, by
    preference, for example `["CUDAExecutionProvider", "CPUExecutionProvider"]` with a build that has it.
    max_messages, max_bytes: of one transaction of the stream. instance_id: a name that this replica keeps in the stream's
    group over restarts; only where an orchestrator has an ordinal for it (a replica with one gives its partitions up by
    time-out alone). Requests never wait for a replica's return."""

    section = "INFERENCE"
    table = "inference"

    metrics_port: int = 9103
    slot: str = DEFAULT_SLOT
    shadow_slot: str = SHADOW_SLOT
    score_shadow: bool = True
    threads: int = Field(default=1, ge=1, le=64)
    execution_providers: tuple[str, ...] = ("CPUExecutionProvider",)
    max_messages: int = Field(default=200, ge=1, le=10_000)
    max_bytes: int = Field(default=8 << 20, ge=1 << 16, le=1 << 30)
    instance_id: str | None = None
    max_rows_a_request: int = Field(default=10_000, ge=1)
    score_stream: bool = True
    answer_requests: bool = True

    @property
    def has_shadow(self) -> bool:
        """Whether a candidate may score the stream beside the model; a slot is no shadow of itself."""
        return self.score_stream and self.score_shadow and self.shadow_slot != self.slot
