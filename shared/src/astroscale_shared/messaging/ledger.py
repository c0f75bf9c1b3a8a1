"""The ledger's running totals: who writes them and how they are read and added up."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from astroscale_shared.messaging import clients, topics
from astroscale_shared.messaging.contracts import LedgerTotals
from astroscale_shared.messaging.transactions import Outgoing
from astroscale_shared.runtime.settings import KafkaSettings


def key_of(totals: LedgerTotals) -> bytes:
    """The compaction key: one record a service, topic, partition and kind."""
    return f"{totals.service}/{totals.topic}-{totals.partition}-{totals.kind}".encode()


def restore(state: str, *, service: str, topic: str, partition: int, offset: int) -> LedgerTotals:
    """Totals from the metadata of a committed offset; all zero where there is none."""
    if state:
        return LedgerTotals.model_validate_json(state)
    return LedgerTotals(service=service, topic=topic, partition=partition, next_offset=offset)


def store(totals: LedgerTotals) -> str:
    """Totals as the metadata of a committed offset (the broker allows 4,096 bytes)."""
    return totals.model_dump_json()


def advance(
    totals: LedgerTotals,
    records: Sequence[Any],
    *,
    rows_in: int,
    rows_out: int,
    rejected: "Counter[str]",
    empty: int = 0,
) -> LedgerTotals:
    """Totals after a batch of one partition's messages. rejected: rows by reason; empty: messages without a row."""
    return totals.model_copy(
        update={
            "next_offset": records[-1].offset + 1,
            "rows_in": totals.rows_in + rows_in,
            "rows_out": totals.rows_out + rows_out,
            "rows_rejected": totals.rows_rejected + rejected.total(),
            "messages": totals.messages + len(records),
            "messages_empty": totals.messages_empty + empty,
            "rejected_by": dict(Counter(totals.rejected_by) + rejected),
        }
    )


def record(totals: LedgerTotals) -> Outgoing:
    """Totals as a message of the ledger topic, to be sent in the transaction of the rows that they count."""
    return Outgoing(topics.LEDGER, totals.model_dump_json().encode(), key=key_of(totals))


@dataclass(slots=True)
class StageTotals:
    """Sums over partitions of one service's input topic."""

    rows_in: int = 0
    rows_out: int = 0
    rows_rejected: int = 0
    messages: int = 0
    rejected_by: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def adds_up(self) -> bool:
        """Whether every row that came in went out or was refused."""
        return self.rows_in == self.rows_out + self.rows_rejected


def add_up(totals: Iterable[LedgerTotals]) -> dict[str, StageTotals]:
    """Sums by service."""
    stages: dict[str, StageTotals] = {}
    for entry in totals:
        stage = stages.setdefault(entry.service, StageTotals())
        stage.rows_in += entry.rows_in
        stage.rows_out += entry.rows_out
        stage.rows_rejected += entry.rows_rejected
        stage.messages += entry.messages
        for code, count in entry.rejected_by.items():
            stage.rejected_by[code] = stage.rejected_by.get(code, 0) + count
    return stages


async def read(settings: KafkaSettings) -> list[LedgerTotals]:
    """The latest totals of each key, read committed."""
    latest: dict[bytes, LedgerTotals] = {}
    for message in await clients.read_to_end(settings, topics.LEDGER):
        if message.key is not None and message.value is not None:
            latest[message.key] = LedgerTotals.model_validate(orjson.loads(message.value))
    return list(latest.values())
