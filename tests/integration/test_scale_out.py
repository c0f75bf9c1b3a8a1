"""1 -> 3 -> 1 replicas of the preprocessor under a stream: no row is lost, none is there twice."""

import asyncio
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from aiokafka import TopicPartition
from astroscale_shared.messaging import clients, codec, headers, topics
from astroscale_shared.messaging.contracts import ARROW
from astroscale_shared.messaging.provisioning import create_topics
from astroscale_shared.runtime.settings import KafkaSettings
from numpy.typing import NDArray

from tests.support.servers import RunningKafka, in_thread
from tests.support.services import running_service
from tests.support.stars import random_stars

ROWS_A_MESSAGE = 100
MESSAGES_A_SECOND = 100
PARTITIONS = 4


class Stream:
    """Sends messages at a steady rate, and sees what becomes of their rows, in an event loop of its own.

    A row's key is one number, of the raw partition, offset and row."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._run = uuid.uuid4().hex
        self._value = codec.to_bytes(codec.raw_batch(random_stars(ROWS_A_MESSAGE)))
        self._sent: list[tuple[int, int]] = []
        self._seen: list[NDArray[np.int64]] = []
        self._last: list[float | None] = [None] * PARTITIONS
        self.stalls = [0.0] * PARTITIONS
        self.looking, self.enough = threading.Event(), threading.Event()
        self._over = False

    @property
    def rows_seen(self) -> int:
        return sum(len(keys) for keys in self._seen)

    @property
    def rows_sent(self) -> int:
        return len(self._sent) * ROWS_A_MESSAGE

    def sent(self) -> NDArray[np.int64]:
        places = np.array(self._sent, dtype=np.int64)
        return np.sort((_place(places[:, 0], places[:, 1])[:, None] + np.arange(ROWS_A_MESSAGE)).ravel())

    def seen(self) -> NDArray[np.int64]:
        return np.sort(np.concatenate(self._seen))

    def stop(self) -> None:
        self._over = True
        self.enough.set()

    async def run(self) -> None:
        watching = asyncio.create_task(self._watch())
        await asyncio.to_thread(self.looking.wait)
        await self._produce()
        await watching

    async def _produce(self) -> None:
        producer = clients.producer(self._settings)
        await producer.start()
        try:
            said = headers.write(content_type=ARROW, rows=ROWS_A_MESSAGE, run_id=self._run)
            began, number = time.monotonic(), 0
            while not self.enough.is_set():
                done = await producer.send_and_wait(
                    topics.RAW, self._value, partition=number % PARTITIONS, headers=said
                )
                self._sent.append((done.partition, done.offset))
                number += 1
                await asyncio.sleep(max(0.0, began + number / MESSAGES_A_SECOND - time.monotonic()))
        finally:
            await producer.stop()

    async def _watch(self) -> None:
        consumer = clients.consumer(self._settings, group_id=None)
        await consumer.start()
        try:
            consumer.assign([TopicPartition(topics.ENCODED, p) for p in range(PARTITIONS)])
            await consumer.seek_to_end()
            self.looking.set()
            while not self._over:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    for record in records:
                        self._look(record)
        finally:
            await clients.stop(consumer)

    def _look(self, record: Any) -> None:
        batch = codec.from_trusted(record.value)
        mine = batch.filter(pa.array(codec.strings(batch.column("run_id")) == self._run))
        if not mine.num_rows:
            return
        partition, offset, row = (mine.column(f"raw_{name}").to_numpy() for name in ("partition", "offset", "row"))
        self._seen.append(_place(partition, offset) + row)
        here, now = int(partition[0]), time.monotonic()
        self.stalls[here] = max(self.stalls[here], now - (self._last[here] or now))
        self._last[here] = now


def _place(partition: NDArray[Any], offset: NDArray[Any]) -> NDArray[np.int64]:
    return (partition.astype(np.int64) << 52) + offset.astype(np.int64) * ROWS_A_MESSAGE


def wait(condition: Callable[[], bool], what: str, timeout: float = 30.0) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"not within {timeout:.0f} s: {what}"
        time.sleep(0.05)


def test_one_three_one_replicas_under_a_stream(kafka: RunningKafka, tmp_path: Path) -> None:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    in_thread(lambda: asyncio.run(create_topics(settings)))
    stream = Stream(settings)
    with ExitStack() as stack:
        stack.enter_context(running_service("preprocessor", settings, _folder(tmp_path, 0)))
        running = threading.Thread(target=lambda: asyncio.run(stream.run()))
        running.start()
        stack.callback(running.join)
        stack.callback(stream.stop)
        wait(lambda: stream.rows_seen > 5_000, "rows of one replica")

        with ExitStack() as more:
            replicas = [
                more.enter_context(running_service("preprocessor", settings, _folder(tmp_path, number)))
                for number in (1, 2)
            ]
            wait(
                lambda: all(replica.metric("astroscale_preprocessor_rows_in_total") > 0 for replica in replicas),
                "rows of each new replica",
            )
            before = stream.rows_seen
            wait(lambda: stream.rows_seen > before + 20_000, "rows of three replicas")

        before = stream.rows_seen
        wait(lambda: stream.rows_seen > before + 20_000, "rows of the one that stayed")
        wait(lambda: stream.rows_sent >= 100_000, "a hundred thousand rows sent")
        stream.enough.set()
        wait(lambda: stream.rows_seen >= stream.rows_sent, "the last rows")
        time.sleep(1.0)  # what would be there twice may come after what is there once
    sent, seen = stream.sent(), stream.seen()
    print(f"{len(sent)} rows; longest stall of a partition {max(stream.stalls):.1f} s")
    assert len(np.unique(sent)) == len(sent) >= 100_000
    np.testing.assert_array_equal(seen, sent)
    assert max(stream.stalls) < 5.0


def _folder(tmp_path: Path, number: int) -> Path:
    folder = tmp_path / str(number)
    folder.mkdir()
    return folder
