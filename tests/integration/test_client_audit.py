"""The audit on a real broker: topics are written here, row by row as the services would, with one fault each."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete
from astroscale_client import audit
from astroscale_client.audit.chain import Chain
from astroscale_client.reader import Reader
from astroscale_shared.messaging import clients, codec, headers, ledger, provenance, provisioning, topics
from astroscale_shared.messaging.contracts import (
    ARROW,
    ENCODED_SCHEMA,
    PREDICTION_SCHEMA,
    DeadLetter,
    LedgerTotals,
    RejectedRow,
)
from astroscale_shared.messaging.provenance import Kind, Provenance
from astroscale_shared.messaging.reasons import Reason
from astroscale_shared.runtime.settings import KafkaSettings
from astroscale_shared.stars.encoding import FEATURE_NAMES
from astroscale_shared.stars.observations import from_columns

from tests.support.servers import RunningKafka

pytestmark = pytest.mark.kafka

Key = tuple[int, int, int]


def batch_of(schema: pa.Schema, keys: Sequence[Key], replay_id: str | None = None) -> bytes:
    """A batch of these keys; what an audit does not read is filled with anything."""
    n = len(keys)
    filled: dict[str, Any] = {
        "raw_partition": [k[0] for k in keys],
        "raw_offset": [k[1] for k in keys],
        "raw_row": [k[2] for k in keys],
        "replay_id": [replay_id] * n,
        "features": [[0.0] * len(FEATURE_NAMES)] * n,
    }
    text = pa.types.is_string
    arrays = [
        pa.array(
            filled.get(f.name, [None] * n if text(f.type) else ["x" if pa.types.is_dictionary(f.type) else 0] * n),
            type=f.type,
        )
        for f in schema
    ]
    return codec.to_bytes(pa.RecordBatch.from_arrays(arrays, schema=schema))


class Chronicle:
    """Writes the five topics and the groups' offsets."""

    def __init__(self, settings: KafkaSettings, chain: Chain, producer: AIOKafkaProducer) -> None:
        self.settings = settings
        self.chain = chain
        self.producer = producer

    async def raw(
        self, rows: int, partition: int = 0, *, arrow: bool = True, of: Provenance | None = None
    ) -> list[Key]:
        """One raw message; the keys of the rows that it names."""
        if arrow:
            stars = from_columns({"ra": np.linspace(0, 1, rows), "dec": np.zeros(rows)})
            value, kind = codec.to_bytes(codec.raw_batch(stars)), ARROW
        else:
            value, kind = b"[" + b",".join([b'{"ra":1,"dec":2}'] * rows) + b"]", "application/json"
        keys = await self.raw_bytes(value, partition, rows, kind, of)
        return keys if of is None or of.rows is None else [keys[row] for run in of.rows for row in run]

    async def raw_bytes(
        self, value: bytes, partition: int = 0, rows: int = 1, kind: str = "", of: Provenance | None = None
    ) -> list[Key]:
        """Any bytes as a raw message."""
        said = [*(headers.write(content_type=kind) if kind else []), *provenance.write(of or Provenance())]
        sent = await self.producer.send_and_wait(self.chain.raw, value, partition=partition, headers=said)
        return [(partition, sent.offset, row) for row in range(rows)]

    async def encoded(
        self, keys: Sequence[Key], partition: int = 0, replay_id: str | None = None, of: Provenance | None = None
    ) -> int:
        """One encoded batch, or a copy of one; its offset. replay_id: of the raw replay that its rows came in."""
        value = batch_of(ENCODED_SCHEMA, keys, replay_id)
        said = provenance.write(of or Provenance())
        return (await self.producer.send_and_wait(self.chain.encoded, value, partition=partition, headers=said)).offset

    async def predicted(self, keys: Sequence[Key], replay_id: str | None = None) -> None:
        """One batch of predictions."""
        value = batch_of(PREDICTION_SCHEMA, keys, replay_id)
        await self.producer.send_and_wait(self.chain.predictions, value, partition=0)

    async def letter(
        self, about: str, partition: int, offset: int, rows: Iterable[int], code: Reason = Reason.OUT_OF_RANGE
    ) -> None:
        """One dead letter of a raw or an encoded message."""
        letter = DeadLetter(
            topic=about,
            partition=partition,
            offset=offset,
            timestamp_ms=0,
            origin=f"{about}-{partition}-{offset}",
            service="test",
            service_version="0",
            rows_total=1,
            rejected=[RejectedRow(row=row, code=code, detail="dec is 91") for row in rows],
            value_base64="",
        )
        topic = self.chain.raw_dlq if about == self.chain.raw else self.chain.encoded_dlq
        await self.producer.send_and_wait(topic, letter.model_dump_json().encode(), partition=0)

    async def commit(self, group: str, topic: str, offsets: dict[int, int]) -> None:
        """Commit a group's offsets, as its members would."""
        member = clients.consumer(self.settings, group_id=group)
        await member.start()
        try:
            assigned = {TopicPartition(topic, p): offset for p, offset in offsets.items()}
            member.assign(list(assigned))
            await member.commit(assigned)
        finally:
            await member.stop()

    async def commit_all(self) -> None:
        """Both services have committed all that there is."""
        async with Reader(self.settings) as reader:
            raw, encoded = await reader.stable_ends(self.chain.raw), await reader.stable_ends(self.chain.encoded)
        await self.commit(self.chain.preprocessor_group, self.chain.raw, raw)
        await self.commit(self.chain.scoring_group, self.chain.encoded, encoded)

    async def totals(
        self,
        service: str,
        topic: str,
        next_offset: int,
        rows: tuple[int, int, int],
        kind: Kind = "first",
        expired: int = 0,
    ) -> None:
        """One record of the ledger: rows in, out and rejected; offsets that expired unread."""
        totals = LedgerTotals(
            service=service,
            topic=topic,
            partition=0,
            kind=kind,
            next_offset=next_offset,
            messages=1,
            rows_in=rows[0],
            rows_out=rows[1],
            rows_rejected=rows[2],
            offsets_expired=expired,
        )
        (out,) = ledger.records({kind: totals})
        await self.producer.send_and_wait(out.topic, out.value, key=out.key)

    async def forget(self, topic: str, before: int) -> None:
        """Retention: partition 0 holds nothing before this offset any more."""
        admin = clients.admin(self.settings)
        await admin.start()
        try:
            await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=before)})
        finally:
            await admin.close()

    async def audit(self, **options: Any) -> audit.AuditReport:
        """Audit it."""
        return await audit.run(self.settings, chain=self.chain, **options)


@asynccontextmanager
async def transactional(settings: KafkaSettings) -> AsyncGenerator[AIOKafkaProducer]:
    """A producer with a transactional id of its own."""
    producer = clients.producer(settings, transactional_id=f"t-{uuid.uuid4().hex}")
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@pytest.fixture
async def chronicle(kafka: RunningKafka) -> AsyncIterator[Chronicle]:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    await provisioning.create_topics(settings, tuple(t for t in topics.TABLE if t.name == topics.LEDGER))
    tag = uuid.uuid4().hex
    chain = Chain(
        raw=kafka.create_topic("raw", 2),
        raw_dlq=kafka.create_topic("raw-dlq"),
        encoded=kafka.create_topic("encoded", 2),
        encoded_dlq=kafka.create_topic("encoded-dlq"),
        predictions=kafka.create_topic("predictions", 2),
        preprocessor_group=f"encode-{tag}",
        scoring_group=f"score-{tag}",
    )
    producer = clients.producer(settings)
    await producer.start()
    try:
        yield Chronicle(settings, chain, producer)
    finally:
        await producer.stop()


async def test_a_whole_chain_is_clean_and_agrees_with_the_ledger(chronicle: Chronicle) -> None:
    """Arrow, JSON, unreadable and empty messages, rejects of both stages, two partitions."""
    chain = chronicle.chain
    first = await chronicle.raw(1_000)
    second = await chronicle.raw(5, arrow=False)
    broken = await chronicle.raw_bytes(b"{not json")
    truncated = await chronicle.raw_bytes(b"\xff\xff\xff\xffno arrow", kind=ARROW)
    await chronicle.raw_bytes(b"[]", rows=0)
    other = await chronicle.raw(10, partition=1)
    await chronicle.letter(chain.raw, 0, first[0][1], range(10))
    await chronicle.letter(chain.raw, 0, broken[0][1], [0])
    await chronicle.letter(chain.raw, 0, truncated[0][1], [0])
    offset = await chronicle.encoded([*first[10:], *second])
    await chronicle.encoded(other, partition=1)
    await chronicle.letter(chain.encoded, 0, offset, [0, 1])
    await chronicle.predicted([*first[12:], *second, *other])
    await chronicle.commit_all()
    await chronicle.totals("preprocessor", chain.raw, 5, (1_007, 995, 12))
    await chronicle.totals("inference", chain.encoded, offset + 1, (995, 993, 2))
    report = await chronicle.audit(wait=5)
    assert report.clean
    assert not report.waited_in_vain
    assert (report.encode.rows, report.encode.done, report.encode.refused) == (1_017, 1_005, 12)
    assert (report.predict.rows, report.predict.done, report.predict.refused) == (1_005, 1_003, 2)
    assert {(c.service, c.quantity): c.counted for c in report.ledger if c.agrees and c.kind == "first"} == {
        ("preprocessor", "rows_in"): 1_007,
        ("preprocessor", "rows_out"): 995,
        ("preprocessor", "rows_rejected"): 12,
        ("inference", "rows_in"): 995,
        ("inference", "rows_out"): 993,
        ("inference", "rows_rejected"): 2,
    }


async def test_lost_twice_and_extra_rows_are_named(chronicle: Chronicle) -> None:
    """One of each between raw and encoded, one of each between encoded and predicted."""
    keys = await chronicle.raw(10)
    offset = keys[0][1]
    stray, unsent = (0, offset, 10), (1, 77, 3)
    await chronicle.encoded([*keys[1:], keys[4], stray])
    await chronicle.predicted([*keys[2:], keys[5], stray, keys[0], unsent])
    await chronicle.letter(chronicle.chain.raw, 0, offset, [6])
    await chronicle.commit_all()
    report = await chronicle.audit()
    assert not report.clean
    assert (report.encode.lost.rows, report.encode.lost.examples) == (1, [keys[0]])
    assert (report.encode.twice.rows, report.encode.twice.examples) == (2, [keys[4], keys[6]])
    assert (report.encode.extra.rows, report.encode.extra.examples) == (1, [stray])
    assert (report.predict.lost.rows, report.predict.lost.examples) == (1, [keys[1]])
    assert (report.predict.twice.rows, report.predict.twice.examples) == (1, [keys[5]])
    assert report.predict.extra.rows == 2
    assert set(report.predict.extra.examples) == {keys[0], unsent}


async def test_rows_that_nobody_committed_yet_are_in_flight_not_lost(chronicle: Chronicle) -> None:
    """Beyond a group's committed offset nothing is lost; `wait` says that it waited in vain."""
    chain = chronicle.chain
    done, waiting, newest = [await chronicle.raw(3) for _ in range(3)]
    await chronicle.encoded(done)
    scored_to = await chronicle.encoded(waiting)
    await chronicle.predicted(done)
    await chronicle.commit(chain.preprocessor_group, chain.raw, {0: newest[0][1]})
    await chronicle.commit(chain.scoring_group, chain.encoded, {0: scored_to})
    report = await chronicle.audit(wait=1.0)
    assert report.clean
    assert report.waited_in_vain
    assert (report.encode.rows, report.encode.done, report.encode.in_flight) == (9, 6, 3)
    assert (report.predict.rows, report.predict.done, report.predict.in_flight) == (6, 3, 3)


async def test_what_expired_is_said_and_not_called_lost(chronicle: Chronicle) -> None:
    """The encoded topic keeps less long than the raw one; what is younger than its first message can still be lost."""
    chain = chronicle.chain
    old, young = await chronicle.raw(4), await chronicle.raw(4)
    await chronicle.encoded(old)
    offset = await chronicle.encoded(young[1:])
    await chronicle.predicted([*old, *young[1:]])
    await chronicle.commit_all()
    await chronicle.forget(chain.encoded, offset)
    await chronicle.totals("inference", chain.encoded, offset + 1, (3, 3, 0), expired=41)
    report = await chronicle.audit()
    assert report.unread == {"inference": 41}
    assert report.expired == {f"{chain.encoded}-0": offset}
    assert (report.encode.expired, report.encode.lost.examples) == (4, [young[0]])
    assert report.predict.clean
    assert (report.predict.rows, report.predict.done) == (3, 3)


async def test_what_outlived_its_raw_message_is_not_extra(chronicle: Chronicle) -> None:
    """The raw topic may be cut by size."""
    old, young = await chronicle.raw(4), await chronicle.raw(4)
    await chronicle.encoded([*old, *young])
    await chronicle.predicted([*old, *young])
    await chronicle.commit_all()
    await chronicle.forget(chronicle.chain.raw, young[0][1])
    report = await chronicle.audit()
    assert report.clean
    assert (report.encode.rows, report.predict.rows) == (4, 4)


async def test_aborted_batches_do_not_count(chronicle: Chronicle) -> None:
    """Read committed: an aborted copy is no second copy, at a topic's end neither."""
    keys = await chronicle.raw(3)
    chain = chronicle.chain
    async with transactional(chronicle.settings) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(chain.encoded, batch_of(ENCODED_SCHEMA, keys), partition=0)
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(chain.encoded, batch_of(ENCODED_SCHEMA, keys), partition=0)
        await chronicle.commit_all()
        await chronicle.predicted(keys)
        await producer.begin_transaction()
        await producer.send_and_wait(chain.predictions, batch_of(PREDICTION_SCHEMA, keys), partition=1)
        await producer.abort_transaction()
    report = await chronicle.audit(wait=10)
    assert report.clean
    assert not report.waited_in_vain
    assert (report.encode.done, report.predict.done) == (3, 3)


async def test_an_open_transaction_hides_rows_and_does_not_lose_them(chronicle: Chronicle) -> None:
    """Offsets are committed and the rows' transaction is open still: the audit waits for its end."""
    keys = await chronicle.raw(3)
    chain = chronicle.chain
    await chronicle.predicted(keys)
    async with transactional(chronicle.settings) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(chain.encoded, batch_of(ENCODED_SCHEMA, keys), partition=0)
        await chronicle.commit(chain.preprocessor_group, chain.raw, {0: keys[0][1] + 1})
        running = asyncio.create_task(chronicle.audit())
        finished, _ = await asyncio.wait({running}, timeout=3)
        assert not finished
        await producer.commit_transaction()
        report = await running
    assert report.clean
    assert report.encode.done == 3


def by_kind(report: audit.AuditReport) -> dict[tuple[str, str, str], int]:
    """What the ledger says and the audit counted, but zeros."""
    assert all(check.agrees for check in report.ledger)
    return {(c.service, c.kind, c.quantity): c.counted for c in report.ledger if c.counted}


async def test_redriven_raw_rows_count_once_and_their_neighbours_do_not(chronicle: Chronicle) -> None:
    """A batch of 1,000 with three bad rows: refused, fixed, re-driven; one of them is bad still."""
    chain = chronicle.chain
    keys = await chronicle.raw(1_000)
    bad, offset = [keys[3], keys[500], keys[999]], keys[0][1]
    good = [key for key in keys if key not in bad]
    await chronicle.letter(chain.raw, 0, offset, [3, 500, 999])
    await chronicle.encoded(good)
    origin = provenance.position(chain.raw, 0, offset)
    again = await chronicle.raw(1_000, of=Provenance(origin, hop=1, rows=provenance.runs((3, 500, 999))))
    await chronicle.letter(chain.raw, 0, again[0][1], [500])
    scored_to = await chronicle.encoded([again[0], again[2]])
    await chronicle.predicted([*good, again[0], again[2]])
    await chronicle.commit_all()
    await chronicle.totals("preprocessor", chain.raw, again[0][1] + 1, (1_000, 997, 3))
    await chronicle.totals("preprocessor", chain.raw, again[0][1] + 1, (3, 2, 1), "redrive")
    await chronicle.totals("inference", chain.encoded, scored_to + 1, (999, 999, 0))
    report = await chronicle.audit()
    assert report.clean
    assert (report.encode.rows, report.encode.done, report.encode.refused) == (1_003, 999, 4)
    assert (report.predict.rows, report.predict.done, report.redriven) == (999, 999, 3)
    assert by_kind(report) == {
        ("preprocessor", "first", "rows_in"): 1_000,
        ("preprocessor", "first", "rows_out"): 997,
        ("preprocessor", "first", "rows_rejected"): 3,
        ("preprocessor", "redrive", "rows_in"): 3,
        ("preprocessor", "redrive", "rows_out"): 2,
        ("preprocessor", "redrive", "rows_rejected"): 1,
        ("inference", "first", "rows_in"): 999,
        ("inference", "first", "rows_out"): 999,
    }


async def test_a_redriven_row_that_is_lost_or_not_named_is_found(chronicle: Chronicle) -> None:
    """Row 1 has no outcome; row 5 was not named and is there."""
    chain = chronicle.chain
    keys = await chronicle.raw(10)
    await chronicle.letter(chain.raw, 0, keys[0][1], range(10))
    again = await chronicle.raw(
        10, of=Provenance(provenance.position(chain.raw, 0, keys[0][1]), hop=1, rows=provenance.runs((1, 2)))
    )
    stray = (0, again[0][1], 5)
    await chronicle.encoded([again[1], stray])
    await chronicle.predicted([again[1], stray])
    await chronicle.commit_all()
    report = await chronicle.audit()
    assert (report.encode.lost.rows, report.encode.lost.examples) == (1, [again[0]])
    assert (report.encode.extra.rows, report.encode.extra.examples) == (1, [stray])


async def test_a_row_that_was_encoded_at_first_and_by_a_redrive_again_is_twice(chronicle: Chronicle) -> None:
    """Row 1 was good at first; row 2 is re-driven two times over. Each copy has raw positions of its own."""
    chain = chronicle.chain
    keys = await chronicle.raw(3)
    origin = provenance.position(chain.raw, 0, keys[0][1])
    await chronicle.letter(chain.raw, 0, keys[0][1], [2])
    await chronicle.encoded(keys[:2])
    once = await chronicle.raw(3, of=Provenance(origin, hop=1, rows=provenance.runs((1, 2))))
    twice = await chronicle.raw(3, 1, of=Provenance(origin, hop=1, rows=provenance.runs((2,))))
    await chronicle.encoded([*once, *twice])
    await chronicle.predicted([*keys[:2], *once, *twice])
    await chronicle.commit_all()
    report = await chronicle.audit()
    assert (report.encode.twice.rows, report.encode.twice.examples) == (2, [once[0], twice[0]])
    assert report.predict.clean


async def test_replayed_raw_rows_are_counted_like_others(chronicle: Chronicle) -> None:
    """They have raw positions of their own, and are no second copy of their first."""
    chain = chronicle.chain
    keys = await chronicle.raw(4)
    await chronicle.encoded(keys)
    again = Provenance(provenance.position(chain.raw, 0, keys[0][1]), replay_id="night-7")
    replayed = await chronicle.raw(4, of=again)
    scored_to = await chronicle.encoded(replayed[:3], replay_id="night-7")
    await chronicle.predicted(keys)
    await chronicle.predicted(replayed[:2], "night-7")
    await chronicle.commit_all()
    await chronicle.totals("preprocessor", chain.raw, replayed[0][1] + 1, (4, 4, 0))
    await chronicle.totals("preprocessor", chain.raw, replayed[0][1] + 1, (4, 3, 0), "replay")
    await chronicle.totals("inference", chain.encoded, scored_to + 1, (7, 6, 0))
    report = await chronicle.audit()
    assert (report.encode.rows, report.encode.done, report.replayed) == (8, 7, 4)
    assert report.encode.lost.examples == [replayed[3]]
    assert report.predict.lost.examples == [replayed[2]]
    assert not report.encode.twice.rows
    assert by_kind(report)["preprocessor", "replay", "rows_out"] == 3


async def test_encoded_rows_that_are_scored_again_are_due_once_for_each_copy(chronicle: Chronicle) -> None:
    """A batch with a refused row: the row is re-driven; then all is replayed, and there it is refused again."""
    chain = chronicle.chain
    keys = await chronicle.raw(5)
    first = await chronicle.encoded(keys)
    origin = provenance.position(chain.encoded, 0, first)
    await chronicle.letter(chain.encoded, 0, first, [4])
    await chronicle.encoded(keys, of=Provenance(origin, hop=1, rows=provenance.runs((4,))))
    replay = await chronicle.encoded(keys, of=Provenance(origin, replay_id="other-model"))
    await chronicle.letter(chain.encoded, 0, replay, [4])
    await chronicle.predicted([*keys[:4], keys[4]])
    await chronicle.predicted(keys[:4], "other-model")
    await chronicle.commit_all()
    await chronicle.totals("preprocessor", chain.raw, keys[0][1] + 1, (5, 5, 0))
    await chronicle.totals("inference", chain.encoded, replay + 1, (5, 4, 1))
    await chronicle.totals("inference", chain.encoded, replay + 1, (1, 1, 0), "redrive")
    await chronicle.totals("inference", chain.encoded, replay + 1, (5, 4, 1), "replay")
    report = await chronicle.audit()
    assert report.clean
    assert (report.encode.rows, report.encode.done) == (5, 5)
    assert (report.predict.rows, report.predict.done, report.predict.refused) == (11, 9, 2)
    assert (report.redriven, report.replayed) == (1, 5)
    assert by_kind(report)["inference", "redrive", "rows_out"] == 1


async def test_a_copy_of_encoded_rows_that_is_lost_or_scored_twice_is_found(chronicle: Chronicle) -> None:
    """Of a replay row 0 is missing and row 1 there twice; nobody replayed as `stranger`."""
    keys = await chronicle.raw(3)
    first = await chronicle.encoded(keys)
    await chronicle.encoded(keys, of=Provenance(provenance.position(chronicle.chain.encoded, 0, first), replay_id="r"))
    await chronicle.predicted(keys)
    await chronicle.predicted([keys[1], keys[1], keys[2]], "r")
    await chronicle.predicted([keys[2]], "stranger")
    await chronicle.commit_all()
    report = await chronicle.audit()
    assert report.encode.clean
    assert report.predict.lost.examples == [keys[0]]
    assert report.predict.twice.examples == [keys[1]]
    assert report.predict.extra.examples == [keys[2]]


async def test_messages_that_nobody_could_read_are_one_row_of_their_kind(chronicle: Chronicle) -> None:
    """A malformed header, a re-drive that is unreadable still, and bytes that would end whoever reads them."""
    chain = chronicle.chain
    good = await chronicle.raw(3)
    often = await chronicle.producer.send_and_wait(
        chain.raw, b'[{"ra":1,"dec":2},{"ra":1,"dec":2}]', partition=0, headers=[("astro-hop", b"often")]
    )
    origin = provenance.position(chain.raw, 0, 999)
    broken = await chronicle.raw_bytes(b"{", of=Provenance(origin, hop=1, rows=provenance.runs((7,))))
    deadly = await chronicle.raw(9)
    await chronicle.encoded(good)
    await chronicle.predicted(good)
    await chronicle.letter(chain.raw, 0, often.offset, [0], Reason.BAD_PROVENANCE)
    await chronicle.letter(chain.raw, 0, broken[0][1], [0], Reason.BAD_JSON)
    await chronicle.letter(chain.raw, 0, deadly[0][1], [0], Reason.BAD_CODEC)
    await chronicle.commit_all()
    await chronicle.totals("preprocessor", chain.raw, deadly[0][1] + 1, (5, 3, 2))
    await chronicle.totals("preprocessor", chain.raw, deadly[0][1] + 1, (1, 0, 1), "redrive")
    report = await chronicle.audit()
    assert report.clean
    assert (report.encode.rows, report.encode.done, report.encode.refused) == (6, 3, 3)
    assert by_kind(report)["preprocessor", "redrive", "rows_rejected"] == 1


async def test_what_copies_expired_is_not_called_lost(chronicle: Chronicle) -> None:
    """A replay of old rows behind young ones does not make the young ones' topic look as if it held the old."""
    chain = chronicle.chain
    old, young = await chronicle.raw(4), await chronicle.raw(4)
    first = await chronicle.encoded(old)
    kept = await chronicle.encoded(young[1:])
    await chronicle.encoded(old, of=Provenance(provenance.position(chain.encoded, 0, first), replay_id="r"))
    await chronicle.predicted([*old, *young[1:]])
    await chronicle.predicted(old, "r")
    await chronicle.commit_all()
    await chronicle.forget(chain.encoded, kept)
    report = await chronicle.audit()
    assert (report.encode.expired, report.encode.lost.examples) == (4, [young[0]])
    assert report.predict.clean
    assert (report.predict.rows, report.predict.done) == (7, 7)


async def test_a_ledger_that_counts_otherwise_is_a_mismatch(chronicle: Chronicle) -> None:
    """Keys are whole, the counter is wrong: not clean."""
    keys = await chronicle.raw(3)
    await chronicle.encoded(keys)
    await chronicle.predicted(keys)
    await chronicle.commit_all()
    await chronicle.totals("preprocessor", chronicle.chain.raw, 1, (4, 3, 1))
    report = await chronicle.audit()
    assert report.encode.clean
    assert report.predict.clean
    assert not report.clean
    assert {c.quantity: (c.ledger, c.counted) for c in report.ledger if not c.agrees} == {
        "rows_in": (4, 3),
        "rows_rejected": (1, 0),
    }


async def test_a_foreign_message_on_the_encoded_topic_is_extra(chronicle: Chronicle) -> None:
    """Nobody but the preprocessor writes there."""
    await chronicle.producer.send_and_wait(chronicle.chain.encoded, b"not arrow", partition=0)
    await chronicle.commit_all()
    report = await chronicle.audit()
    assert report.encode.extra.rows == 1


async def test_an_arrow_message_that_is_refused_whole_counts_as_one_row(chronicle: Chronicle) -> None:
    """The preprocessor cannot take a column of the wrong type: one letter, row 0."""
    batch = pa.RecordBatch.from_pydict({"ra": ["a", "b", "c"], "dec": [1.0, 2.0, 3.0]})
    keys = await chronicle.raw_bytes(codec.to_bytes(batch), kind=ARROW)
    await chronicle.letter(chronicle.chain.raw, 0, keys[0][1], [0])
    await chronicle.commit_all()
    report = await chronicle.audit()
    assert report.clean
    assert (report.encode.rows, report.encode.refused) == (1, 1)
