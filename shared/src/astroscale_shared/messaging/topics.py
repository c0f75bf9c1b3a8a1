"""The one table of topics. They are provisioned by one command, never created by use."""

from dataclasses import dataclass, field
from typing import Final

RAW: Final = "astro.observations.raw.v1"
RAW_DLQ: Final = "astro.observations.raw.v1.dlq"
ENCODED: Final = "astro.observations.encoded.v1"
ENCODED_DLQ: Final = "astro.observations.encoded.v1.dlq"
PREDICTIONS: Final = "astro.predictions.made.v1"
REQUESTS: Final = "astro.predictions.requests.v1"
REPLIES: Final = "astro.predictions.replies.v1"
INGEST_PROGRESS: Final = "astro.ingest.progress.v1"
LEDGER: Final = "astro.ledger.totals.v1"
REDRIVEN: Final = "astro.dlq.redriven.v1"
"""Which rows of which dead letters have been re-driven, written in the re-drive's own transaction."""
FEDERATION_COMMANDS: Final = "astro.federation.commands.v1"
FEDERATION_WORKERS: Final = "astro.federation.workers.v1"
FEDERATION_UPDATES: Final = "astro.federation.updates.v1"
FEDERATION_ROUNDS: Final = "astro.federation.rounds.v1"
FEDERATION_STATE: Final = "astro.federation.state.v1"
MODELS: Final = "astro.models.published.v1"

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_GIB = 1 << 30

MAX_MESSAGE_BYTES: Final = 1_000_000
"""The largest batch that we produce; the broker's default limit is 1 MiB, headers included."""

DLQ_MAX_BYTES: Final = 8 * 1_048_576
"""A letter holds a whole refused message, in base64, and its reasons."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic, its partitions and the settings that are not the broker's defaults."""

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict[str, str])


def _kept(days: int, partition_bytes: int, **config: str) -> dict[str, str]:
    return {"retention.ms": str(days * _DAY_MS), "retention.bytes": str(partition_bytes), **config}


def _compacted() -> dict[str, str]:
    # Small segments, so that compaction (which leaves the active one alone) keeps the topic quick to read to its end.
    return {"cleanup.policy": "compact", "segment.bytes": str(4 << 20), "min.cleanable.dirty.ratio": "0.1"}


_BROKER_TIME: Final = {"message.timestamp.type": "LogAppendTime"}
"""Lag and retention are by the broker's clock: a producer's may be years off, and retention would believe it."""

TABLE: Final[tuple[Topic, ...]] = (
    Topic(RAW, 4, _kept(7, 2 * _GIB, **_BROKER_TIME)),
    Topic(RAW_DLQ, 1, _kept(30, 2 * _GIB) | {"max.message.bytes": str(DLQ_MAX_BYTES)}),
    Topic(ENCODED, 4, _kept(3, 2 * _GIB, **_BROKER_TIME)),
    Topic(ENCODED_DLQ, 1, _kept(30, 2 * _GIB) | {"max.message.bytes": str(DLQ_MAX_BYTES)}),
    Topic(PREDICTIONS, 4, _kept(7, 2 * _GIB, **_BROKER_TIME)),
    Topic(REQUESTS, 4, {"retention.ms": str(_HOUR_MS), "retention.bytes": str(256 << 20)}),
    Topic(REPLIES, 16, {"retention.ms": str(_HOUR_MS), "retention.bytes": str(64 << 20)}),
    Topic(INGEST_PROGRESS, 1, _compacted()),
    Topic(LEDGER, 1, _compacted()),
    Topic(REDRIVEN, 1, _compacted()),
    Topic(FEDERATION_COMMANDS, 1, {"retention.ms": "-1"}),
    Topic(FEDERATION_WORKERS, 1, {"retention.ms": "-1"}),
    Topic(FEDERATION_UPDATES, 4, {"retention.ms": "-1"}),
    Topic(FEDERATION_ROUNDS, 1, {"retention.ms": "-1"}),
    Topic(FEDERATION_STATE, 1, _compacted()),
    Topic(MODELS, 1, _compacted()),
)


def group(service: str, purpose: str) -> str:
    """The consumer group's name of a service's purpose."""
    return f"astro.{service}.{purpose}"


PREPROCESSOR_GROUP: Final = group("preprocessor", "encode")
SCORING_GROUP: Final = group("inference", "score")
REQUESTS_GROUP: Final = group("inference", "requests")
