"""The books of both stages on a real broker: rows that come first, are re-driven and are replayed, over a restart.

The services' own handlers run in the transactions loop, on topics of the test.
"""

import contextlib
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson
import pytest
from astroscale_client import audit
from astroscale_client.audit.chain import Chain
from astroscale_gateway.ledger import Ledger
from astroscale_gateway.metrics import GatewayMetrics
from astroscale_inference.domain.model import load
from astroscale_inference.handlers import Score
from astroscale_inference.metrics import InferenceMetrics
from astroscale_preprocessor.handlers import Encode
from astroscale_preprocessor.metrics import PreprocessorMetrics
from astroscale_shared.messaging import clients, codec, copies, ledger, provenance, provisioning, topics
from astroscale_shared.messaging.outcome import Outcome, Process
from astroscale_shared.messaging.provenance import Provenance, position
from astroscale_shared.messaging.transactions import TransactionsLoop
from astroscale_shared.runtime.settings import KafkaSettings

from tests.support.graphs import card, graph
from tests.support.pipes import running, until
from tests.support.servers import RunningKafka
from tests.support.stars import SUN_LIKE

MODEL = load(graph(bias=30.0), card(), name="default", version="a" * 12, sha256="0" * 64)
STARS = [SUN_LIKE | {"ra": float(i)} for i in range(50)]
BAD = [SUN_LIKE | {"dec": 91.0}, SUN_LIKE | {"dec": 92.0}, SUN_LIKE | {"teff": "hot"}]


class Books:
    """Both stages on the topics of a chain."""

    def __init__(self, settings: KafkaSettings, chain: Chain) -> None:
        self.settings = settings
        self.chain = chain
        self._own = {
            topics.RAW_DLQ: chain.raw_dlq,
            topics.ENCODED: chain.encoded,
            topics.ENCODED_DLQ: chain.encoded_dlq,
            topics.PREDICTIONS: chain.predictions,
        }

    @asynccontextmanager
    async def services(self) -> AsyncGenerator[None]:
        """A preprocessor and an inference, until the end of the block."""
        encode = Encode(PreprocessorMetrics(), batch_size=20)
        score = Score(InferenceMetrics(), lambda: MODEL)
        async with (
            running(self._loop(self.chain.raw, self.chain.preprocessor_group, encode)),
            running(self._loop(self.chain.encoded, self.chain.scoring_group, score)),
        ):
            yield

    def _loop(self, topic: str, group: str, process: Process) -> TransactionsLoop:
        def onto_own(records: Sequence[Any], state: str, expired: int = 0, /) -> Outcome:
            outcome = process(records, state, expired)
            return replace(
                outcome, outgoing=[replace(o, topic=self._own.get(o.topic, o.topic)) for o in outcome.outgoing]
            )

        return TransactionsLoop(self.settings, topic=topic, group=group, process=onto_own)

    async def send(self, topic: str, value: bytes, of: Provenance | None = None) -> str:
        """One message onto partition 0; its position."""
        said = copies.with_provenance([], of or Provenance())
        producer = clients.producer(self.settings)
        await producer.start()
        try:
            sent = await producer.send_and_wait(topic, value, partition=0, headers=said)
        finally:
            await producer.stop()
        return position(topic, 0, sent.offset)

    async def totals(self) -> dict[tuple[str, str], tuple[int, int, int]]:
        """(service, kind) -> rows in, out and rejected, of these topics."""
        mine = [t for t in await ledger.read(self.settings) if t.topic in (self.chain.raw, self.chain.encoded)]
        return {
            (service, kind): (of.rows_in, of.rows_out, of.rows_rejected)
            for service, stage in ledger.add_up(mine).items()
            for kind, of in stage.kinds.items()
        }

    async def settled(self, **seen: int) -> None:
        """Until inference has counted so many rows of each kind."""

        async def there() -> bool:
            found = await self.totals()
            return all(found.get(("inference", kind), (0,))[0] >= rows for kind, rows in seen.items())

        await until(there, f"inference has counted {seen}")


@pytest.fixture
async def books(kafka: RunningKafka) -> Books:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    await provisioning.create_topics(settings, tuple(t for t in topics.TABLE if t.name == topics.LEDGER))
    tag = uuid.uuid4().hex
    chain = Chain(
        raw=kafka.create_topic("raw", 4),
        raw_dlq=kafka.create_topic("raw-dlq"),
        encoded=kafka.create_topic("encoded", 4),
        encoded_dlq=kafka.create_topic("encoded-dlq"),
        predictions=kafka.create_topic("predictions", 4),
        preprocessor_group=f"encode-{tag}",
        scoring_group=f"score-{tag}",
    )
    return Books(settings, chain)


async def test_the_books_are_kept_by_kind_over_redrives_replays_and_a_restart(books: Books) -> None:
    """53 rows with three bad ones; two of those are re-driven and one of them is bad still; raw and encoded replays."""
    chain = books.chain
    message = orjson.dumps([*STARS, *BAD])
    async with books.services():
        first = await books.send(chain.raw, message)
        await books.settled(first=50)
    async with books.services():  # totals go on from the offsets' metadata
        await books.send(chain.raw, message, Provenance(first, hop=1, rows=provenance.runs((50, 52))))
        await books.send(chain.raw, message, Provenance(first, replay_id="night-7"))
        await books.send(chain.raw, b"{", Provenance(first, hop=2, rows=provenance.runs((50,))))
        await books.settled(first=100)
        batches = await clients.read_to_end(books.settings, chain.encoded)
        batch = batches[0]
        origin = position(chain.encoded, batch.partition, batch.offset)
        await books.send(chain.encoded, batch.value, Provenance(origin, replay_id="other-model"))
        await books.settled(first=100, replay=20)
        report = await audit.run(books.settings, chain=chain, wait=20)
    assert await books.totals() == {
        ("preprocessor", "first"): (53, 50, 3),
        ("preprocessor", "redrive"): (3, 0, 3),
        ("preprocessor", "replay"): (53, 50, 3),
        ("inference", "first"): (100, 100, 0),
        ("inference", "replay"): (20, 20, 0),
    }
    assert report.clean, report
    assert not report.waited_in_vain
    assert (report.encode.rows, report.encode.done, report.encode.refused) == (109, 100, 9)
    assert (report.predict.rows, report.predict.done) == (120, 120)
    assert (report.redriven, report.replayed) == (3, 73)
    assert len(report.ledger) == 15
    made = [codec.from_trusted(r.value) for r in await clients.read_to_end(books.settings, chain.predictions)]
    replays = [replay for batch in made for replay in batch.column("replay_id").to_pylist()]
    assert {name: replays.count(name) for name in (None, "night-7", "other-model")} == {
        None: 50, "night-7": 50, "other-model": 20
    }  # fmt: skip


async def test_a_redriven_row_that_passes_now_is_audited_as_one_row(books: Books) -> None:
    """What was refused at first is fixed by the time of the re-drive; then it is re-driven once too often."""
    chain = books.chain
    first = await books.send(chain.raw, orjson.dumps([*STARS[:5], BAD[0]]))
    fixed = orjson.dumps([*STARS[:5], SUN_LIKE])
    async with books.services():
        await books.send(chain.raw, fixed, Provenance(first, hop=1, rows=provenance.runs((5,))))
        await books.settled(first=6)
        report = await audit.run(books.settings, chain=chain, wait=20)
        assert report.clean, report
        assert (report.encode.rows, report.encode.done, report.encode.refused) == (7, 6, 1)
        await books.send(chain.raw, fixed, Provenance(first, hop=1, rows=provenance.runs((5,))))
        await books.settled(first=7)
        report = await audit.run(books.settings, chain=chain, wait=20)
    assert not report.clean
    assert report.encode.twice.examples == [(0, 2, 5)]
    assert all(check.agrees for check in report.ledger)


async def test_the_gateway_follows_the_ledgers_topic(books: Books) -> None:
    """Beside whatever else is on the session's ledger: these rows come on top."""
    told = Ledger(lambda: ledger.follow(books.settings), GatewayMetrics())

    def rows() -> int:
        return told.report()["stages"][1]["rows_in"]

    await told.start()
    try:

        async def read() -> bool:
            with contextlib.suppress(Exception):
                return rows() >= 0
            return False

        await until(read, "the ledger is read")
        before = rows()
        async with books.services():
            await books.send(books.chain.raw, orjson.dumps(STARS))
            await until(lambda: rows() == before + 50, "the gateway has seen 50 rows more")
    finally:
        await told.stop()
