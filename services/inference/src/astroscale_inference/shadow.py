"""A candidate that scores the stream beside the model in service. Its answers go into metrics and nowhere else."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from astroscale_shared.runtime.errors import AstroScaleError

from astroscale_inference.domain.comparison import Comparison, Side, compare
from astroscale_inference.domain.model import Model
from astroscale_inference.domain.scored import ScoredRows
from astroscale_inference.metrics import ShadowMetrics
from astroscale_inference.models import Slot

MAX_WAITING_ROWS: Final = 65_536
"""What a candidate that is slower than the stream may fall behind; rows beyond it are skipped, and counted."""


class Shadow:
    """Scores what was committed, in a thread of its own: predictions neither wait for it nor fail with it."""

    def __init__(self, slot: Slot, metrics: ShadowMetrics) -> None:
        self._slot = slot
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="shadow-")
        self._waiting = 0

    def submit(self, parts: Sequence[ScoredRows]) -> None:
        """Have committed batches scored by the candidate, if there is one. Call from the event loop; returns at once."""
        candidate = self._slot.current
        if candidate is None:
            return
        taken: list[ScoredRows] = []
        rows = 0
        for part in parts:
            if self._waiting + rows + len(part) > MAX_WAITING_ROWS:
                self._metrics.skipped.inc(len(part))
            elif len(part):
                taken.append(part)
                rows += len(part)
        if not taken:
            return
        self._waiting += rows
        work = asyncio.get_running_loop().run_in_executor(self._pool, compare, candidate, taken)
        work.add_done_callback(lambda done: self._finish(candidate, rows, done))

    def stop(self) -> None:
        """Forget what waits."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _finish(self, candidate: Model, rows: int, done: "asyncio.Future[Comparison]") -> None:
        self._waiting -= rows
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            self._slot.drop(candidate, AstroScaleError("shadow_failed", f"it could not score: {error}"))
        elif self._slot.current is candidate:
            self._count(done.result())

    def _count(self, found: Comparison) -> None:
        m = self._metrics
        m.rows.inc(found.rows)
        m.unfit.inc(found.unfit)
        m.difference.add(found.difference)
        m.up.inc(found.up)
        m.down.inc(found.down)
        m.measured.inc(found.measured)
        self._count_side("current", found.current)
        self._count_side("candidate", found.candidate)

    def _count_side(self, model: str, side: Side) -> None:
        m = self._metrics
        m.width[model].inc(side.width)
        m.error[model].inc(side.error)
        for level, count in side.inside.items():
            m.inside[model][level].inc(count)
