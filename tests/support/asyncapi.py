"""Every topic of the table in AsyncAPI 3.0: `python -m tests.support.asyncapi docs/asyncapi.yaml` writes it.

It is made here, and not in the shared package, because a topic's payload is its owner's, and some owners are services.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import yaml
from astroscale_federation import messages as federation
from astroscale_federation.subscriptions import TENSORS
from astroscale_ingestor.progress import Progress
from astroscale_shared.messaging import contracts, provenance, requests, topics
from astroscale_shared.messaging.receipts import Receipt
from astroscale_shared.registry import ModelAnnouncement
from astroscale_shared.stars.columns import BY_NAME
from pydantic import BaseModel

RAW_RECORD: Final = "./raw-record.schema.json"
_REF: Final = "#/components/schemas/{model}"


@dataclass(frozen=True)
class Message:
    """One kind of message of a topic. payload: a schema, the columns of a batch or a model; headers: what each says."""

    title: str
    payload: "dict[str, Any] | pa.Schema | type[BaseModel]"
    content_type: str = contracts.JSON
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Contract:
    """A topic's key ("none" where nobody sets one), and its messages by name."""

    key: str
    messages: dict[str, Message]


_COPIES: Final = {
    provenance.ORIGIN: "of a re-drive or a replay: topic-partition-offset of the message's first copy",
    provenance.HOP: f"of a re-drive: how often the message was re-driven, up to {provenance.MOST_HOPS}",
    provenance.ROWS: "of a re-drive: which of the message's rows are meant, as 0-2,7",
    provenance.REPLAY: "of a replay: its id",
}
_ROWS: Final = {contracts.HEADER_ROWS: "rows in the message"}
_RAW: Final = _ROWS | {contracts.HEADER_RUN: "of the ingest that wrote the message"} | _COPIES
_CALL: Final = {requests.CORRELATION: "UUID, hexadecimal; the reply carries it too"}
_REQUEST: Final = _CALL | {
    requests.REPLY_PARTITION: f"partition of {topics.REPLIES} on which the caller waits",
    requests.DEADLINE_MS: "when the caller stops waiting, milliseconds since 1970, UTC",
    requests.KIND: f"{requests.PREDICT} or {requests.MODEL}",
}
_REPLY: Final = _CALL | {requests.STATUS: "ok or error"}


def _typed(content_type: str, headers: dict[str, str]) -> dict[str, str]:
    return {contracts.CONTENT_TYPE: content_type} | headers


def _batch(title: str, schema: pa.Schema, headers: dict[str, str]) -> Message:
    return Message(title, schema, contracts.ARROW, _typed(contracts.ARROW, headers))


def _tensors(title: str, model: type[BaseModel]) -> Message:
    """safetensors whose metadata hold the model's JSON under `message`."""
    payload = {"type": "string", "format": "binary", "x-message": {"$ref": _REF.format(model=model.__name__)}}
    return Message(title, payload, TENSORS, {contracts.CONTENT_TYPE: TENSORS})


def _control(title: str, model: type[BaseModel]) -> Message:
    return Message(title, model, headers={contracts.CONTENT_TYPE: contracts.JSON})


_LETTER: Final = Message(
    "A refused message, whole, and the rows that were refused, each with its reason",
    contracts.DeadLetter,
    headers=_typed(contracts.JSON, {contracts.HEADER_ROWS: "refused rows in the letter", "reason": "of the first"}),
)
_ANY: Final = {"type": "string", "format": "binary"}
_FEDERATION: Final = "federation id"

CONTRACTS: Final[dict[str, Contract]] = {
    topics.RAW: Contract(
        "source id, or none; it chooses the partition and means nothing else",
        {
            "rawJson": Message(
                "One star, an array of stars, or a star on each line; also where no content-type is given",
                {"$ref": RAW_RECORD},
                headers=_typed(contracts.JSON, _RAW),
            ),
            "rawArrow": _batch(
                "Stars in columns; any of these, in any order, any float or integer type; others are ignored",
                contracts.RAW_SCHEMA,
                _RAW,
            ),
            "rawLine": Message(
                "A line of a table that did not split into columns; it is refused as it is",
                {"type": "string"},
                contracts.CSV_LINE,
                _typed(contracts.CSV_LINE, _RAW),
            ),
        },
    ),
    topics.RAW_DLQ: Contract("as the refused message's", {"deadLetter": _LETTER}),
    topics.ENCODED: Contract(
        "none", {"encoded": _batch("Validated stars, encoded", contracts.ENCODED_SCHEMA, _ROWS | _COPIES)}
    ),
    topics.ENCODED_DLQ: Contract("as the refused message's", {"deadLetter": _LETTER}),
    topics.PREDICTIONS: Contract(
        "none", {"predictions": _batch("A velocity for each star", contracts.PREDICTION_SCHEMA, _ROWS)}
    ),
    topics.REQUESTS: Contract(
        "none",
        {
            "predict": Message("Stars to predict", contracts.RAW_SCHEMA, contracts.ARROW, _REQUEST),
            "model": Message("Which model is served? No content", _ANY, headers=_REQUEST),
        },
    ),
    topics.REPLIES: Contract(
        "none",
        {
            "answer": Message("A velocity for each star", contracts.REPLY_SCHEMA, contracts.ARROW, _REPLY),
            "answerOfSome": Message(
                "The same where some stars are refused", contracts.ANSWER_SCHEMA, contracts.ARROW, _REPLY
            ),
            "model": Message("The model that is served", {"type": "object"}, headers=_REPLY),
            "error": Message(
                "Why there is no answer",
                {
                    "type": "object",
                    "required": ["code", "message"],
                    "properties": {
                        "code": {"type": "string"},
                        "message": {"type": "string"},
                        "retryable": {"type": "boolean"},
                    },
                },
                headers=_REPLY,
            ),
        },
    ),
    topics.INGEST_PROGRESS: Contract("run id", {"progress": Message("How far a run is", Progress)}),
    topics.LEDGER: Contract(
        "service/topic-partition-kind", {"totals": Message("Totals of a partition and kind", contracts.LedgerTotals)}
    ),
    topics.REDRIVEN: Contract(
        "position of the letter, and its first row", {"receipt": Message("Rows that were re-driven", Receipt)}
    ),
    topics.FEDERATION_COMMANDS: Contract(
        _FEDERATION, {"create": _control("Create a federation", federation.CreateFederation)}
    ),
    topics.FEDERATION_WORKERS: Contract(
        "worker id", {"notice": _control("A worker is there, or leaves", federation.WorkerNotice)}
    ),
    topics.FEDERATION_UPDATES: Contract(
        _FEDERATION, {"update": _tensors("A worker's answer to a round", federation.Update)}
    ),
    topics.FEDERATION_ROUNDS: Contract(
        f"{_FEDERATION}, or coordinator",
        {
            "started": _control("A coordinator takes over", federation.CoordinatorStarted),
            "opened": _tensors("A round, and its base model", federation.RoundOpened),
            "closed": _control("What a round came to", federation.RoundClosed),
        },
    ),
    topics.FEDERATION_STATE: Contract(
        _FEDERATION, {"state": _tensors("Where a federation stands", federation.FederationState)}
    ),
    topics.MODELS: Contract("slot", {"announcement": Message("The model of a slot", ModelAnnouncement)}),
}

_MODELS: Final[tuple[type[BaseModel], ...]] = (
    contracts.DeadLetter,
    contracts.LedgerTotals,
    Progress,
    Receipt,
    ModelAnnouncement,
    federation.CreateFederation,
    federation.WorkerNotice,
    federation.Update,
    federation.CoordinatorStarted,
    federation.RoundOpened,
    federation.RoundClosed,
    federation.FederationState,
)


def specification() -> dict[str, Any]:
    """The AsyncAPI document: a channel for each topic of the table."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "AstroScale topics",
            "version": "1.0.0",
            "description": "Additive change inside a version: readers ignore what they do not know. "
            "A breaking change is a .v2 topic. Anyone may write to the raw topic; the others have one owner each.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": contracts.JSON,
        "channels": {topic.name: _channel(topic, CONTRACTS[topic.name]) for topic in topics.TABLE},
        "components": {"schemas": _schemas()},
    }


def document() -> str:
    """The same as YAML text."""
    return yaml.safe_dump(specification(), sort_keys=False, allow_unicode=True, width=110)


def _channel(topic: topics.Topic, contract: Contract) -> dict[str, Any]:
    config: dict[str, Any] = {
        name: int(value) if value.lstrip("-").isdigit() else value for name, value in topic.config.items()
    }
    if "cleanup.policy" in config:
        config["cleanup.policy"] = [config["cleanup.policy"]]  # the binding wants a list
    kafka = {"topic": topic.name, "partitions": topic.partitions, "topicConfiguration": config}
    return {
        "address": topic.name,
        "bindings": {"kafka": kafka},
        "messages": {name: _message(one, contract.key) for name, one in contract.messages.items()},
    }


def _message(one: Message, key: str) -> dict[str, Any]:
    made: dict[str, Any] = {"title": one.title, "contentType": one.content_type, "payload": _payload(one.payload)}
    if one.headers:
        told = {name: {"type": "string", "description": said} for name, said in one.headers.items()}
        made["headers"] = {"type": "object", "properties": told}
    if key != "none":
        made["bindings"] = {"kafka": {"key": {"type": "string", "description": key}}}
    return made


def _payload(payload: "dict[str, Any] | pa.Schema | type[BaseModel]") -> dict[str, Any]:
    if isinstance(payload, dict):
        return payload
    if isinstance(payload, type):
        return {"$ref": _REF.format(model=payload.__name__)}
    return _ANY | {"description": "Arrow IPC stream", "x-columns": [_column(column) for column in payload]}


def _column(column: pa.Field) -> dict[str, Any]:
    said: dict[str, Any] = {"name": column.name, "type": str(column.type), "nullable": column.nullable}
    known = BY_NAME.get(column.name)
    return said | ({"unit": known.unit, "allowed": known.allowed} if known else {})


def _schemas() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for model in _MODELS:
        schema = model.model_json_schema(ref_template=_REF)
        found |= schema.pop("$defs", {})
        found[model.__name__] = schema
    return found


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document(), encoding="utf-8")
