"""The ledger as it stands: followed in the background, told by `GET /ledger` and the metrics."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final

from astroscale_shared.messaging import ledger, topics
from astroscale_shared.messaging.ledger import StageTotals
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError

from astroscale_gateway.metrics import GatewayMetrics

AGAIN_SECONDS: Final = 5.0
STAGES: Final = (("encode", "preprocessor", topics.RAW), ("predict", "inference", topics.ENCODED))
"""Stage, the service that works it, and the topic that it reads."""

Follow = Callable[[], AsyncGenerator[Mapping[bytes, bytes]]]


class Ledger:
    """Follows the totals that the services write in the transactions of the rows that they count."""

    def __init__(self, follow: Follow, metrics: GatewayMetrics) -> None:
        self._follow = follow
        self._metrics = metrics
        self._latest: Mapping[bytes, bytes] | None = None
        self._log = logging.get("ledger")
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to follow; what it says is there once the topic has been read to its end."""
        self._task = asyncio.create_task(self._run(), name="ledger")

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def report(self) -> dict[str, Any]:
        """The answer of `/ledger`; AstroScaleError `starting` before the topic has been read."""
        stages = self._stages()
        if stages is None:
            raise AstroScaleError("starting", "the ledger has not been read yet; try again", retryable=True)
        waiting, mismatch = ledger.waiting(stages), ledger.mismatch(stages)
        return {
            "adds_up": not mismatch,
            "mismatch_rows": mismatch,
            "waiting_rows": max(0, waiting),
            "stages": [
                {"stage": stage, "service": service, "topic": topic, **_told(stages.get(service, StageTotals()))}
                for stage, service, topic in STAGES
            ],
        }

    def measure(self) -> None:
        """Bring the metrics up to date; before the topic has been read they say nothing."""
        stages = self._stages()
        if stages is None:
            return
        self._metrics.ledger_mismatch.set(ledger.mismatch(stages))
        for stage, service, _ in STAGES:
            for kind, totals in stages.get(service, StageTotals()).kinds.items():
                for what, rows in (
                    ("in", totals.rows_in),
                    ("out", totals.rows_out),
                    ("rejected", totals.rows_rejected),
                ):
                    self._metrics.ledger_rows.labels(stage, kind, what).set(rows)

    def _stages(self) -> dict[str, StageTotals] | None:
        return None if self._latest is None else ledger.add_up(ledger.parse(self._latest))

    async def _run(self) -> None:
        while True:
            try:
                async with aclosing(self._follow()) as followed:
                    async for latest in followed:
                        self._latest = latest
            except Exception as error:  # noqa: BLE001 - the client leaves failures in many types; every one means: again
                self._log.warning("not_followed", reason=f"{type(error).__name__}: {error}")
            await asyncio.sleep(AGAIN_SECONDS)


def _told(totals: StageTotals) -> dict[str, Any]:
    rows = {"rows_in": totals.rows_in, "rows_out": totals.rows_out, "rows_rejected": totals.rows_rejected}
    return {
        **rows,
        "messages": totals.messages,
        "offsets_expired": totals.offsets_expired,
        "rejected_by": totals.rejected_by,
        "adds_up": totals.adds_up,
        "kinds": {
            kind: {"rows_in": of.rows_in, "rows_out": of.rows_out, "rows_rejected": of.rows_rejected}
            for kind, of in totals.kinds.items()
        },
    }
