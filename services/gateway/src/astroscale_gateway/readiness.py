"""Whether predictions can be had: asked of inference itself, over Kafka, every few seconds."""

import asyncio
import time
from typing import Any, Final

from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from astroscale_gateway.lease import PartitionLease
from astroscale_gateway.metrics import GatewayMetrics
from astroscale_gateway.relay import Relay

EAGER_SECONDS: Final = 0.25
"""Between two probes while not ready: the wait before the page is the user's."""


class Readiness:
    """Probes in the background; `/readyz` only reads what was found."""

    def __init__(
        self, relay: Relay, lease: PartitionLease, redis: Redis, metrics: GatewayMetrics, every_seconds: float
    ) -> None:
        self._relay = relay
        self._lease = lease
        self._redis = redis
        self._metrics = metrics
        self._every = every_seconds
        self._log = logging.get("readiness")
        self._task: asyncio.Task[None] | None = None
        self._last_error = ""
        self._redis_ok = False

    async def start(self) -> None:
        """Begin to probe."""
        self._task = asyncio.create_task(self._probe(), name="readiness")

    async def stop(self) -> None:
        """Stop probing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def reasons(self) -> list[str]:
        """Why predictions cannot be had; empty when they can."""
        reasons = self._relay.unready()
        silence = time.monotonic() - self._relay.answered_at
        if not reasons and silence > 3 * self._every + 1:
            since = "yet" if silence == float("inf") else f"for {silence:.0f} s"
            reasons.append(f"inference has not answered {since}{self._last_error}")
        return reasons

    def report(self) -> dict[str, Any]:
        """The answer of `/readyz`."""
        reasons = self.reasons()
        return {
            "ready": not reasons,
            "reasons": reasons,
            "redis": "ok" if self._redis_ok else "unreachable",
            "reply_partition": self._lease.partition,
            "reply_partition_leased": self._lease.held,
        }

    async def _probe(self) -> None:
        was_ready: bool | None = None
        while True:
            await asyncio.gather(self._ask_inference(), self._ask_redis())
            reasons = self.reasons()
            ready = not reasons
            self._metrics.ready.set(int(ready))
            if ready != was_ready:
                self._log.info("ready" if ready else "not_ready", reasons=reasons)
                was_ready = ready
            await asyncio.sleep(self._every if ready else EAGER_SECONDS)

    async def _ask_inference(self) -> None:
        if self._relay.unready():
            return
        try:
            await self._relay.model(timeout=max(1.0, min(self._every, 3.0)))
            self._last_error = ""
        except AstroScaleError as error:
            self._last_error = f" ({error.code}: {error.message})"
        except Exception:  # noqa: BLE001 - a probe that fails in a new way must not be the last one
            self._log.exception("probe_failed")
            self._last_error = " (the probe failed; the log says how)"

    async def _ask_redis(self) -> None:
        try:
            self._redis_ok = bool(await self._redis.ping())  # pyright: ignore[reportGeneralTypeIssues]
        except (RedisError, OSError):
            self._redis_ok = False
