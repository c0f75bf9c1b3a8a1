"""Ingest and the broker's pace: a reader never runs far ahead, and messages spread over the partitions there are."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest
from astroscale_ingestor.convert import RawMessage
from astroscale_ingestor.ingest import CHUNK_ROWS
from astroscale_ingestor.progress import Progress
from astroscale_ingestor.publishing import Publisher
from astroscale_shared.messaging import clients
from astroscale_shared.messaging.contracts import JSON
from astroscale_shared.messaging.provisioning import create_topics
from astroscale_shared.runtime.settings import KafkaSettings
from pyarrow import parquet

from tests.support import ingesting
from tests.support.servers import RunningKafka, in_thread

ROWS = 2_000_000
ALL_MESSAGES_MB = ROWS * len(("source_id", "survey", *range(10))) * 8 / 1e6
"""Of the whole table as messages, about: a reader that ran ahead freely would hold so much."""

STOPPED_S = 4.0


@pytest.fixture(scope="module")
def settings(kafka: RunningKafka) -> KafkaSettings:
    found = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    in_thread(lambda: asyncio.run(create_topics(found)))
    return found


def rss_mb(pid: int) -> float:
    return psutil.Process(pid).memory_info().rss / 1e6


def test_a_reader_waits_for_a_broker_that_stands_still_and_holds_two_groups_at_most(
    kafka: RunningKafka, settings: KafkaSettings, tmp_path: Path
) -> None:
    path = tmp_path / "wide.parquet"
    angle = np.linspace(0, 89, ROWS)
    parquet.write_table(pa.table({"ra": angle, "dec": angle}), path, row_group_size=100_000)
    argv = [sys.executable, "-c", ingesting.PROGRAM, settings.bootstrap_servers, str(path), str(CHUNK_ROWS)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            rows = [int(child.stdout.readline()) for _ in range(1)]
            before = rss_mb(child.pid)
            os.kill(kafka.process.pid, signal.SIGSTOP)
            try:
                peak = before
                end = time.monotonic() + STOPPED_S
                while time.monotonic() < end:
                    peak = max(peak, rss_mb(child.pid))
                    time.sleep(0.05)
            finally:
                os.kill(kafka.process.pid, signal.SIGCONT)
            assert peak - before < ALL_MESSAGES_MB / 3
            rows += [int(child.stdout.readline()) for _ in range(8)]
            assert rows == sorted(set(rows)), "it went on"
            assert rows[-1] < ROWS, "the table is longer than what was read: it could have run ahead"
            assert rss_mb(child.pid) - before < ALL_MESSAGES_MB / 3
        finally:
            child.kill()


async def test_messages_go_round_over_the_partitions_that_the_topic_has(
    settings: KafkaSettings, make_topic: Callable[..., str]
) -> None:
    topic = make_topic(partitions=6)
    run = Progress(run_id=f"spread-{uuid.uuid4().hex}", file="spread.csv")
    producer = clients.producer(settings, transactional_id=run.run_id)
    await producer.start()
    try:
        publisher = await Publisher.to(topic, producer)
        for first, count in ((0, 4), (4, 5)):
            made = [RawMessage(str(first + i).encode(), JSON, 1) for i in range(count)]
            await publisher.commit(run.model_copy(update={"messages": first + count}), made)
    finally:
        await producer.stop()
    found = {(r.partition, r.value.decode()) for r in await clients.read_to_end(settings, topic)}
    assert found == {(i % 6, str(i)) for i in range(9)}
