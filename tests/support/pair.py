"""A topic in, a topic out, and loops between them, in this process and in others."""

import asyncio
import subprocess
import sys
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition
from astroscale_shared.messaging import clients
from astroscale_shared.messaging.transactions import TransactionsLoop
from astroscale_shared.runtime.settings import KafkaSettings

from tests.support.pipes import echo, visible
from tests.support.servers import RunningKafka


@dataclass(frozen=True)
class Pair:
    """A topic in, a topic out, a group; all fresh."""

    settings: KafkaSettings
    source: str
    out: str
    group: str

    @classmethod
    def fresh(cls, kafka: RunningKafka, partitions: int = 4) -> "Pair":
        """New topics: one in, with partitions, and one out, with one."""
        return cls(
            KafkaSettings(bootstrap_servers=kafka.bootstrap_servers),
            kafka.create_topic("in", partitions),
            kafka.create_topic("out"),
            f"test.{uuid.uuid4().hex}",
        )

    def loop(self, before: Callable[[Sequence[Any]], None] = lambda _: None, **options: Any) -> TransactionsLoop:
        """A loop over the pair that echoes; `before` runs before each batch."""
        return TransactionsLoop(
            self.settings, topic=self.source, group=self.group, process=echo(self.out, before), **options
        )

    async def has(self, count: int) -> bool:
        """Whether so many records are out."""
        return (await visible(self.settings, self.out)).total() >= count

    async def settle(self, offset: int) -> None:
        """Commits an offset of partition 0 for the group, as an operator may."""
        consumer = clients.consumer(self.settings, group_id=self.group)
        await consumer.start()
        try:
            tp = TopicPartition(self.source, 0)
            consumer.assign([tp])
            await consumer.commit({tp: offset})
        finally:
            await consumer.stop()

    @asynccontextmanager
    async def other_process(
        self, gate: Path, hold: str = "compute", transaction_timeout_ms: int = 15_000
    ) -> AsyncGenerator[asyncio.subprocess.Process]:
        """A loop in a process of its own, which waits for `gate` where `hold` says."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(
                "-m",
                "tests.support.pipes",
                self.settings.bootstrap_servers,
                self.source,
                self.out,
                self.group,
                str(gate),
                hold,
                str(transaction_timeout_ms),
            ),
            stdout=subprocess.PIPE,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


def once(sent: Sequence[str]) -> dict[str, int]:
    """What is visible when each record came out once."""
    return dict.fromkeys(sent, 1)
