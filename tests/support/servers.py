"""Real Kafka and Redis for a test session, on free ports, in a temporary folder."""

import asyncio
import threading
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from astroscale_local.kafka.broker import Broker, answers, broker_process
from astroscale_local.ports import free_port
from astroscale_local.process import ManagedProcess
from astroscale_local.redis.server import ping, redis_process

_START_TIMEOUT = 60.0


@dataclass(frozen=True)
class RunningKafka:
    """A broker that answers."""

    bootstrap_servers: str
    process: ManagedProcess

    def create_topic(self, stem: str = "test", partitions: int = 1, **config: str) -> str:
        """Makes `<stem>.<uuid>` and returns its name. Works inside and outside a running event loop."""
        name = f"{stem}.{uuid.uuid4().hex}"
        in_thread(lambda: asyncio.run(_create(self.bootstrap_servers, name, partitions, config)))
        return name


async def _create(bootstrap_servers: str, name: str, partitions: int, config: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, topic_configs=config)
        answer: Any = await admin.create_topics([topic])
        for _, code, message in answer.topic_errors:
            assert code == 0, message
    finally:
        await admin.close()


def in_thread(work: Callable[[], object]) -> None:
    """Runs `work()` in a thread of its own and raises what it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


@contextmanager
def running_kafka(folder: Path) -> Generator[RunningKafka]:
    """A broker with its data and log in `folder`; a failed start raises with the end of its log."""
    broker = Broker(folder / "kafka", free_port(), free_port())
    process = broker_process(broker, folder / "kafka.log")
    process.start()
    try:
        process.wait_ready(lambda: answers(broker.port), _START_TIMEOUT)
        yield RunningKafka(broker.bootstrap_servers, process)
    finally:
        process.stop()


@contextmanager
def running_redis(folder: Path) -> Generator[str]:
    """A Redis with its state in `folder`; yields its URL."""
    port = free_port()
    process = redis_process(port, folder / "redis", folder / "redis.log")
    process.start()
    try:
        process.wait_ready(lambda: ping(port), _START_TIMEOUT)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.stop()
