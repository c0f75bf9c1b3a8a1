"""Micro-batches: callers that come at the same time share one message.

Idle, a row is sent at once. While batches are under way, rows wait for company: until the window is over where another
batch may be under way, else until one of them comes back. So a lone caller pays nothing, and the batches of many grow
with their number.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar, cast

from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError

RowT = TypeVar("RowT")
AnswerT = TypeVar("AnswerT")

PATIENCE_SECONDS: Final = 0.25
"""A batch under way for longer holds nobody back: its answer may be lost, and others would wait for its deadline."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how many: seconds and counts."""

    deadline: float
    window: float
    max_rows: int
    in_flight: int
    max_waiting: int


@dataclass(frozen=True, slots=True)
class _Waiter(Generic[RowT, AnswerT]):
    row: RowT
    answer: asyncio.Future[AnswerT]
    since: float


class Batcher(Generic[RowT, AnswerT]):
    """Groups rows and sends them by `send(rows, timeout)`, which answers one for each row in the same order."""

    def __init__(self, send: Callable[[Sequence[RowT], float], Awaitable[Sequence[AnswerT]]], limits: Limits) -> None:
        self._send = send
        self._limits = limits
        self._queue: deque[_Waiter[RowT, AnswerT]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._holding: set[asyncio.Task[None]] = set()
        self._due: asyncio.Handle | None = None
        self._closed = False
        self.waiting = 0

    def submit(self, row: RowT) -> asyncio.Future[AnswerT]:
        """The future answer. AstroScaleError `busy` where too many wait, `shutting_down` once closed; the future may
        raise those of `send`."""
        if self._closed:
            raise AstroScaleError("shutting_down", "the gateway is stopping; try again", retryable=True)
        if self.waiting >= self._limits.max_waiting:
            raise AstroScaleError("busy", f"{self.waiting} stars wait already; try again in a second", retryable=True)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[AnswerT] = loop.create_future()
        self._queue.append(_Waiter(row, answer, loop.time()))
        self.waiting += 1
        self._plan(loop)
        return answer

    async def close(self) -> None:
        """Send what waits, and return when all is answered."""
        self._closed = True
        while self._queue or self._tasks:
            self._flush(force=True)
            await asyncio.wait(self._tasks)

    def _may_send(self) -> bool:
        return len(self._holding) < self._limits.in_flight

    def _plan(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._due is not None or not self._queue or not self._may_send():
            return
        if not self._holding:
            # At the end of this turn of the loop: requests that were read in the same turn go together.
            self._due = loop.call_soon(self._flush)
        else:
            self._due = loop.call_later(self._limits.window, self._flush)

    def _flush(self, *, force: bool = False) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        queue = self._queue
        while queue and (force or self._may_send()):
            waiters = [queue.popleft() for _ in range(min(len(queue), self._limits.max_rows))]
            task = asyncio.create_task(self._run(waiters), name="batch")
            self._tasks.add(task)
            self._holding.add(task)
            task.add_done_callback(self._tasks.discard)
            asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._release, task)

    async def _run(self, waiters: Sequence[_Waiter[RowT, AnswerT]]) -> None:
        try:
            await self._exchange(waiters, waiters[0].since + self._limits.deadline)
        finally:
            self.waiting -= len(waiters)
            self._holding.discard(cast("asyncio.Task[None]", asyncio.current_task()))
            if self._queue and self._may_send():
                self._flush()  # they have waited for this one already

    def _release(self, task: asyncio.Task[None]) -> None:
        if task in self._holding:
            self._holding.discard(task)
            self._plan(asyncio.get_running_loop())

    async def _exchange(self, waiters: Sequence[_Waiter[RowT, AnswerT]], deadline: float) -> None:
        rows = [waiter.row for waiter in waiters]
        try:
            answers = await self._send(rows, max(0.001, deadline - asyncio.get_running_loop().time()))
            if len(answers) != len(rows):
                raise AstroScaleError("bad_reply", "inference answered for another number of stars", retryable=True)
        except AstroScaleError as error:
            if error.retryable or len(waiters) == 1:
                _fail(waiters, error)
                return
            # One row may have spoiled the batch: its neighbours are asked for without it.
            half = len(waiters) // 2
            await asyncio.gather(self._exchange(waiters[:half], deadline), self._exchange(waiters[half:], deadline))
        except Exception:  # noqa: BLE001 - logged here once, instead of once for each caller
            logging.get("batcher").exception("batch_failed", rows=len(rows))
            _fail(waiters, AstroScaleError("internal_error", "the gateway could not read the answer"))
        else:
            for waiter, answer in zip(waiters, answers, strict=True):
                if not waiter.answer.done():
                    waiter.answer.set_result(answer)


def _fail(waiters: Sequence[_Waiter[RowT, AnswerT]], error: AstroScaleError) -> None:
    for waiter in waiters:
        if not waiter.answer.done():
            # Its own copy for each: a raised exception collects the traces of all who raise it.
            waiter.answer.set_exception(AstroScaleError(error.code, error.message, retryable=error.retryable))
