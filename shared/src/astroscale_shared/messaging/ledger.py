"""The ledger's running totals: who writes them and how they are read and added up.

Totals are kept by partition and kind (first, redrive, replay). All kinds of one partition move together: they are
written in one transaction, with the same `next_offset`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from astroscale_shared.messaging import clients, topics
from astroscale_shared.messaging.contracts import LedgerTotals
from astroscale_shared.messaging.outcome import Outgoing
from astroscale_shared.messaging.provenance import KINDS, Kind
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
        mine = self.rows_in == self.rows_out + self.rows_rejected
        return mine and all(kind.adds_up for kind in self.kinds.values())

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


def parse(key: bytes | None, value: bytes | None) -> tuple[bytes, LedgerTotals] | None:
    """Key and totals of one record of the ledger topic; None where it holds none."""
    if key is None or value is None:
        return None
    return key, LedgerTotals.model_validate(orjson.loads(value))


async def read(settings: KafkaSettings) -> list[LedgerTotals]:
    """The latest totals of each key, read committed."""
    said = (parse(message.key, message.value) for message in await clients.read_to_end(settings, topics.LEDGER))
    latest = dict(one for one in said if one is not None)
    return list(latest.values())
