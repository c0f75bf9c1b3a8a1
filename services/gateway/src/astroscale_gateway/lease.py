"""Which reply partition this process reads: a lease in Redis, else a hash of the process's id.

Two processes on one partition are harmless (correlation ids are UUIDs, each skips the other's replies): the lease only
spares them the other's bytes. So a lost lease is said and never fatal.
"""

import asyncio
import zlib
from typing import Final

from astroscale_shared.messaging import topics
from astroscale_shared.runtime import logging
from redis.asyncio import Redis
from redis.exceptions import RedisError

PARTITIONS: Final = next(topic.partitions for topic in topics.TABLE if topic.name == topics.REPLIES)
KEY: Final = "astroscale:gateway:reply-partition:{}"

# Only the owner may prolong or give back a lease.
_RENEW: Final = "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('pexpire',KEYS[1],ARGV[2]) end return 0"
_GIVE_BACK: Final = "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) end return 0"


class PartitionLease:
    """One reply partition for one process; `held` says whether Redis knows of it."""

    def __init__(self, redis: Redis, process_id: str, ttl_seconds: float) -> None:
        self._redis = redis
        self._id = process_id
        self._ttl_ms = int(ttl_seconds * 1000)
        self._log = logging.get("lease")
        self._task: asyncio.Task[None] | None = None
        self.partition = zlib.crc32(process_id.encode()) % PARTITIONS
        self.held = False

    async def start(self) -> int:
        """Take a free partition, and keep it; returns it."""
        try:
            for step in range(PARTITIONS):
                candidate = (self.partition + step) % PARTITIONS
                if await self._take(candidate):
                    self.partition, self.held = candidate, True
                    break
            self._log.info("reply_partition", partition=self.partition, leased=self.held)
        except (RedisError, OSError) as error:
            self._log.warning("reply_partition_without_lease", partition=self.partition, error=type(error).__name__)
        self._task = asyncio.create_task(self._keep(), name="lease")
        return self.partition

    async def stop(self) -> None:
        """Give the partition back."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.held:
            try:
                await self._redis.eval(_GIVE_BACK, 1, KEY.format(self.partition), self._id)  # pyright: ignore
            except (RedisError, OSError) as error:
                self._log.info("lease_not_given_back", error=type(error).__name__)

    async def _take(self, partition: int) -> bool:
        return bool(await self._redis.set(KEY.format(partition), self._id, nx=True, px=self._ttl_ms))

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._ttl_ms / 3000)
            try:
                held = bool(
                    await self._redis.eval(_RENEW, 1, KEY.format(self.partition), self._id, self._ttl_ms)  # pyright: ignore
                ) or await self._take(self.partition)
            except (RedisError, OSError):
                held = False
            if held != self.held:
                self.held = held
                self._log.warning("lease_taken" if held else "lease_lost", partition=self.partition)
