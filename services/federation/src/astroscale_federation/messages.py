"""What the federation's parts say to each other. Every message has a `type`; unknown fields are ignored."""

from datetime import datetime
from typing import Annotated, Literal, TypeVar

from astroscale_shared.runtime.errors import AstroScaleError
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

FederationId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
WorkerId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
T = TypeVar("T")
Phase = Literal["moments", "train", "calibrate"]
Status = Literal["created", "waiting", "running", "finished", "failed"]


class Message(BaseModel):
    """Base of every message."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Plan(Message):
    """What a federation is asked to do."""

    rounds: int = Field(default=5, ge=1, le=1000, description="Training rounds.")
    min_workers: int = Field(default=2, ge=1, le=1000, description="Fewer answers make a round void.")
    deadline_s: float = Field(default=30.0, gt=0, le=86_400, description="How long a round may take.")
    wait_s: float = Field(default=60.0, gt=0, le=604_800, description="How long to wait for enough workers.")
    ridge: float = Field(default=1e-3, gt=0, le=1e3)
    epochs: int = Field(default=4, ge=1, le=1000, description="Local steps a round.")
    step: float = Field(default=0.05, gt=0, le=1, description="Size of a local step.")


class CreateFederation(Message):
    """An operator wants a federation (commands topic)."""

    type: Literal["federation.create"] = "federation.create"
    federation: FederationId
    plan: Plan = Plan()
    created_at: datetime


class WorkerNotice(Message):
    """A worker came, is there, or went (workers topic). `session` tells one life of a worker from the next."""

    type: Literal["worker.joined", "worker.heartbeat", "worker.left"]
    worker: WorkerId
    session: str = Field(max_length=64)
    rows: int = Field(ge=0, description="Usable stars.")
    surveys: dict[str, int] = Field(default_factory=dict[str, int], description="Usable stars by survey.")
    version: str = Field(default="", max_length=64)


class Update(Message):
    """A worker's answer to a round (updates topic, with tensors)."""

    type: Literal["round.update"] = "round.update"
    federation: FederationId
    round: int = Field(ge=0)
    phase: Phase
    worker: WorkerId
    session: str = Field(max_length=64)
    base_hash: Sha256
    rows: int = Field(gt=0, description="Stars that it trained on.")


class CoordinatorStarted(Message):
    """A coordinator took over (rounds topic): workers answer with a heartbeat, an older coordinator stops."""

    type: Literal["coordinator.started"] = "coordinator.started"
    instance: str
    started_at: datetime


class RoundOpened(Message):
    """A round waits for the answers of those selected (rounds topic, with the base model's tensors)."""

    type: Literal["round.opened"] = "round.opened"
    federation: FederationId
    round: int
    phase: Phase
    attempt: int
    selected: tuple[WorkerId, ...]
    base_hash: Sha256
    deadline_at: datetime
    plan: Plan


class Participant(Message):
    """An update that counted: whose, from how many stars, which bytes, and where they lie in the updates topic."""

    worker: str
    rows: int
    sha256: str
    partition: int
    offset: int


class Exclusion(Message):
    """An answer that did not count or did not come, and why."""

    worker: str
    reason: str
    detail: str = ""


class RoundClosed(Message):
    """The record of a round (rounds topic). Written again after a crash, with the same content."""

    type: Literal["round.closed"] = "round.closed"
    federation: FederationId
    round: int
    phase: Phase
    attempts: int
    participants: tuple[Participant, ...]
    excluded: tuple[Exclusion, ...]
    rows: int
    base_hash: Sha256
    output_hash: Sha256
    opened_at: datetime
    closed_at: datetime
    seconds: float
    r2: float | None = Field(default=None, description="Of the base model on the stars that the workers kept aside.")
    rmse_kms: float | None = None


class FederationState(Message):
    """Where a federation stands (state topic, compacted, with its tensors): the one record that a restart needs."""

    type: Literal["federation.state"] = "federation.state"
    federation: FederationId
    plan: Plan
    status: Status = "created"
    reason: str = ""
    round: int = 0
    phase: Phase = "moments"
    calibrated: bool = Field(default=False, description="All rounds are closed; what remains is to publish the model.")
    attempt: int = 0
    selected: tuple[str, ...] = ()
    base_hash: str = ""
    opened_at: datetime | None = None
    deadline_at: datetime | None = None
    waiting_since: datetime | None = None
    updates_from: dict[int, int] = Field(
        default_factory=dict[int, int], description="By partition: where this round's updates begin."
    )
    archives: dict[str, WorkerNotice] = Field(default_factory=dict[str, WorkerNotice])
    figures: dict[str, float] = Field(default_factory=dict[str, float])
    last_round: RoundClosed | None = None
    model: str = Field(default="", description="The published model, `<name>/<version>`.")
    created_at: datetime
    updated_at: datetime


RoundsMessage = Annotated[CoordinatorStarted | RoundOpened | RoundClosed, Field(discriminator="type")]
ROUNDS: TypeAdapter[CoordinatorStarted | RoundOpened | RoundClosed] = TypeAdapter(RoundsMessage)
COMMANDS: TypeAdapter[CreateFederation] = TypeAdapter(CreateFederation)
WORKERS: TypeAdapter[WorkerNotice] = TypeAdapter(WorkerNotice)
UPDATES: TypeAdapter[Update] = TypeAdapter(Update)
STATES: TypeAdapter[FederationState] = TypeAdapter(FederationState)


def read(adapter: TypeAdapter[T], data: bytes | str) -> T:
    """The message of its JSON; AstroScaleError `unreadable` names the first field that is wrong."""
    try:
        return adapter.validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "document"
        raise AstroScaleError("unreadable", f"{field}: {first['msg']}") from error
