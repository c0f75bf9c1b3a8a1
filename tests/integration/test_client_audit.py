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
from astroscale_shared.messaging import clients, codec, headers, ledger, provisioning, topics
from astroscale_shared.messaging.contracts import (
    ARROW,
    ENCODED_SCHEMA,
    PREDICTION_SCHEMA,
    DeadLetter,
    LedgerTotals,
    RejectedRow,
)
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

    async def raw(self, rows: int, partition: int = 0, *, arrow: bool = True) -> list[Key]:
        """One raw message; its keys."""
        if arrow:
            stars = from_columns({"ra": np.linspace(0, 1, rows), "dec": np.zeros(rows)})
            value, kind = codec.to_bytes(codec.raw_batch(stars)), ARROW
        else:
            value, kind = b"[" + b",".join([b'{"ra":1,"dec":2}'] * rows) + b"]", "application/json"
        return await self.raw_bytes(value, partition, rows, kind)

    async def raw_bytes(self, value: bytes, partition: int = 0, rows: int = 1, kind: str = "") -> list[Key]:
        """Any bytes as a raw message."""
        sent = await self.producer.send_and_wait(
            self.chain.raw, value, partition=partition, headers=headers.write(content_type=kind) if kind else []
        )
        return [(partition, sent.offset, row) for row in range(rows)]

    async def encoded(self, keys: Sequence[Key], partition: int = 0, replay_id: str | None = None) -> int:
        """One encoded batch; its offset."""
        value = batch_of(ENCODED_SCHEMA, keys, replay_id)
        return (await self.producer.send_and_wait(self.chain.encoded, value, partition=partition)).offset

    async def predicted(self, keys: Sequence[Key]) -> None:
        """One batch of predictions."""
        value = batch_of(PREDICTION_SCHEMA, keys)
        await self.producer.send_and_wait(self.chain.predictions, value, partition=0)

    async def letter(self, about: str, partition: int, offset: int, rows: Iterable[int]) -> None:
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
            rejected=[RejectedRow(row=row, code="out_of_range", detail="dec is 91") for row in rows],
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

    async def totals(self, service: str, topic: str, next_offset: int, rows: tuple[int, int, int]) -> None:
        """One record of the ledger: rows in, out and rejected."""
        totals = LedgerTotals(
            service=service,
            topic=topic,
            partition=0,
            next_offset=next_offset,
            rows_in=rows[0],
            rows_out=rows[1],
            rows_rejected=rows[2],
        )
        (out,) = ledger.records({"first": totals})
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
    assert {(c.service, c.quantity): c.counted for c in report.ledger if c.agrees} == {
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
    report = await chronicle.audit()
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


async def test_a_replay_is_no_second_copy(chronicle: Chronicle) -> None:
    """A replayed row carries its replay's id and is counted apart."""
    keys = await chronicle.raw(3)
    await chronicle.encoded(keys)
    await chronicle.encoded(keys, replay_id="again")
    await chronicle.predicted(keys)
    await chronicle.commit_all()
    report = await chronicle.audit()
    assert report.clean
    assert report.replayed == 3


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
