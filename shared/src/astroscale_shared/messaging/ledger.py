"""The ledger's running totals: who writes them and how they are read and added up.

Totals are kept by partition and kind (first, redrive, replay). All kinds of one partition move together: they are
written in one transaction, with the same `next_offset`.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import ValidationError

from astroscale_shared.messaging import clients, following, topics
from astroscale_shared.messaging.contracts import LedgerTotals
from astroscale_shared.messaging.outcome import Outgoing
from astroscale_shared.messaging.provenance import KINDS, Kind
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.settings import KafkaSettings

Totals = Mapping[Kind, LedgerTotals]
"""Of one partition, by kind: `first` is always there, the others once they have counted anything."""

_SHORT: dict[str, str] = {
    "in": "rows_in",
    "out": "rows_out",
    "m": "messages",
    "e": "messages_empty",
    "x": "offsets_expired",
}


@dataclass(slots=True)
class Counts:
    """What messages of one kind became: rows, rows refused by reason, messages, and those of them without a row."""

    rows_in: int = 0
    rows_out: int = 0
    rejected: "Counter[str]" = field(default_factory=Counter[str])
    messages: int = 0
    empty: int = 0


def key_of(totals: LedgerTotals) -> bytes:
    """The compaction key: one record a service, topic, partition and kind."""
    return f"{totals.service}/{totals.topic}-{totals.partition}-{totals.kind}".encode()


def restore(state: str, *, service: str, topic: str, partition: int, offset: int) -> Totals:
    """Totals from the metadata of a committed offset; all zero, from `offset` on, where there is none."""
    if not state:
        return {"first": LedgerTotals(service=service, topic=topic, partition=partition, next_offset=offset)}
    held: dict[str, Any] = orjson.loads(state)
    if "next_offset" in held:  # as it was written while there was one kind only
        return {"first": LedgerTotals.model_validate(held)}
    of_all = {"service": service, "topic": topic, "partition": partition, "next_offset": held["o"]}
    return {kind: _unpacked(held.get(kind, {}), of_all | {"kind": kind}) for kind in KINDS if kind in {"first", *held}}


def store(totals: Totals) -> str:
    """Totals as the metadata of a committed offset: short names, no zeros, since the broker allows 4,096 bytes."""
    packed = {kind: _packed(entry) for kind, entry in totals.items()}
    return orjson.dumps({"o": totals["first"].next_offset} | {k: of for k, of in packed.items() if of}).decode()


def advance(totals: Totals, next_offset: int, counts: Mapping[Kind, Counts], expired: int = 0) -> Totals:
    """Totals after a batch of one partition's messages. expired: offsets that retention took before them."""
    first = totals["first"]
    return {
        kind: _added(
            totals.get(kind) or LedgerTotals(**_identity(first), kind=kind),
            next_offset,
            counts.get(kind),
            expired if kind == "first" else 0,
        )
        for kind in KINDS
        if kind in totals or kind in counts
    }


def records(totals: Totals) -> list[Outgoing]:
    """Totals as messages of the ledger topic, to be sent in the transaction of the rows that they count."""
    return [
        Outgoing(topics.LEDGER, entry.model_dump_json().encode(), key=key_of(entry))
        for kind, entry in totals.items()
        if kind == "first" or entry.messages
    ]


def _identity(of: LedgerTotals) -> dict[str, Any]:
    return {"service": of.service, "topic": of.topic, "partition": of.partition, "next_offset": of.next_offset}


def _added(entry: LedgerTotals, next_offset: int, counts: Counts | None, expired: int) -> LedgerTotals:
    counts = counts or Counts()
    return entry.model_copy(
        update={
            "next_offset": next_offset,
            "rows_in": entry.rows_in + counts.rows_in,
            "rows_out": entry.rows_out + counts.rows_out,
            "rows_rejected": entry.rows_rejected + counts.rejected.total(),
            "messages": entry.messages + counts.messages,
            "messages_empty": entry.messages_empty + counts.empty,
            "offsets_expired": entry.offsets_expired + expired,
            "rejected_by": {str(code): n for code, n in (Counter(entry.rejected_by) + counts.rejected).items()},
        }
    )


def _packed(entry: LedgerTotals) -> dict[str, Any]:
    held: dict[str, Any] = {short: getattr(entry, name) for short, name in _SHORT.items()}
    return {short: value for short, value in (held | {"by": entry.rejected_by}).items() if value}


def _unpacked(held: dict[str, Any], of_all: dict[str, Any]) -> LedgerTotals:
    by: dict[str, int] = held.get("by", {})
    numbers = {name: held.get(short, 0) for short, name in _SHORT.items()}
    return LedgerTotals(**of_all, **numbers, rows_rejected=sum(by.values()), rejected_by=by)


@dataclass(slots=True)
class StageTotals:
    """Sums over partitions and kinds of one service's input topic. kinds: the same by kind, where there is any."""

    rows_in: int = 0
    rows_out: int = 0
    rows_rejected: int = 0
    messages: int = 0
    offsets_expired: int = 0
    rejected_by: dict[str, int] = field(default_factory=dict[str, int])
    kinds: "dict[str, StageTotals]" = field(default_factory=dict[str, "StageTotals"])

    @property
    def adds_up(self) -> bool:
        """Whether every row that came in went out or was refused, in each kind."""
        return self.mismatch == 0

    @property
    def mismatch(self) -> int:
        """Rows too few or too many, over the kinds."""
        parts = self.kinds.values() or [self]
        return sum(abs(part.rows_in - part.rows_out - part.rows_rejected) for part in parts)

    @property
    def rows_new(self) -> int:
        """Rows in, but for those of copies made onto this topic: what the stage before has written."""
        return self.rows_in - sum(kind.rows_in for name, kind in self.kinds.items() if name != "first")

    def add(self, entry: LedgerTotals) -> None:
        """Take in one partition's totals of one kind."""
        self.rows_in += entry.rows_in
        self.rows_out += entry.rows_out
        self.rows_rejected += entry.rows_rejected
        self.messages += entry.messages
        self.offsets_expired += entry.offsets_expired
        for code, count in entry.rejected_by.items():
            self.rejected_by[code] = self.rejected_by.get(code, 0) + count


def add_up(totals: Iterable[LedgerTotals]) -> dict[str, StageTotals]:
    """Sums by service."""
    stages: dict[str, StageTotals] = {}
    for entry in totals:
        stage = stages.setdefault(entry.service, StageTotals())
        stage.add(entry)
        stage.kinds.setdefault(entry.kind, StageTotals()).add(entry)
    return stages


def waiting(stages: Mapping[str, StageTotals]) -> int:
    """Encoded rows that inference has not counted yet. Below zero it has counted rows that nobody encoded."""
    empty = StageTotals()
    return stages.get("preprocessor", empty).rows_out - stages.get("inference", empty).rows_new


def mismatch(stages: Mapping[str, StageTotals]) -> int:
    """Rows that are unaccounted for, in a stage or from stage to stage; 0 when all adds up."""
    return sum(stage.mismatch for stage in stages.values()) + max(0, -waiting(stages))


def parse(latest: Mapping[bytes, bytes]) -> list[LedgerTotals]:
    """Totals of the ledger topic's latest records, by key; a record that is none of ours is logged and left out."""
    found: list[LedgerTotals] = []
    for key, value in latest.items():
        try:
            found.append(LedgerTotals.model_validate_json(value))
        except ValidationError as error:
            logging.get("ledger").warning("bad_totals", key=repr(key[:100]), reason=str(error.errors()[0]["msg"]))
    return found


async def follow(settings: KafkaSettings) -> AsyncGenerator[Mapping[bytes, bytes]]:
    """The latest record of each key, for `parse`: as they are now, and again whenever one has come, for ever."""
    latest: dict[bytes, bytes] = {}
    caught_up = False
    async with aclosing(following.follow(settings, topics.LEDGER)) as records:
        async for record in records:
            caught_up |= record is None
            if record is not None and record.key is not None and record.value is not None:
                latest[record.key] = record.value
            if caught_up:
                yield latest


async def read(settings: KafkaSettings) -> list[LedgerTotals]:
    """The latest totals of each key, read committed."""
    records = await clients.read_to_end(settings, topics.LEDGER)
    return parse({record.key: record.value for record in records if record.key and record.value})
