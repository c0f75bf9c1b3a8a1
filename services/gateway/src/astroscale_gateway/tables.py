"""Tables to inference and back: messages of a bounded size, a few under way, each row answered or refused on its own."""

import asyncio
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, ParamSpec, TypeVar

import numpy as np
from astroscale_shared.runtime.errors import AstroScaleError
from numpy.typing import NDArray

from astroscale_gateway import tablewire
from astroscale_gateway.domain.table import Answered, Model, Stars
from astroscale_gateway.metrics import GatewayMetrics
from astroscale_gateway.relay import Relay
from astroscale_gateway.tablewire import Reply

ROUNDS: Final = 5
"""How often stars of an older model are asked for again, before the caller is told that models change."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TableLimits:
    """seconds: for a whole table; seconds_a_message: after which a message is thought lost and sent again.
    rows_a_message, in_flight: of messages to inference, for all tables together. waiting: tables at once."""

    seconds: float
    seconds_a_message: float
    rows_a_message: int
    in_flight: int
    waiting: int


@dataclass(frozen=True, slots=True)
class _Part:
    """What became of some rows: a reply, or why the model refused the one row. number: the order of arrival."""

    rows: NDArray[np.intp]
    reply: Reply | None
    error: AstroScaleError | None
    number: int

    @property
    def model(self) -> Model | None:
        return self.reply.model if self.reply is not None else None


class Tables:
    """Predicts tables. Its numbers and bytes are made in one thread, so that lone stars are answered meanwhile."""

    def __init__(self, relay: Relay, metrics: GatewayMetrics, limits: TableLimits) -> None:
        self._relay = relay
        self._metrics = metrics
        self._limits = limits
        self._in_flight = asyncio.Semaphore(limits.in_flight)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tables-")
        self._arrived = 0
        self.waiting = 0

    @contextmanager
    def place(self) -> Generator[None]:
        """A place for one table, taken before its body is read: it bounds the memory. AstroScaleError `busy`."""
        if self.waiting >= self._limits.waiting:
            raise AstroScaleError("busy", f"{self.waiting} tables wait already; try again in a second", retryable=True)
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    def close(self) -> None:
        """End the thread; no table is under way any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def work(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in the thread of the tables."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*args, **kwargs))

    async def predict(self, stars: Stars) -> Answered:
        """Every row's answer, all by one model.

        AstroScaleError: `deadline_exceeded`, `model_changing`, and those of `Relay.ask_table` that may pass.
        """
        good = stars.good
        size = self._limits.rows_a_message
        wanted = [good[start : start + size] for start in range(0, len(good), size)]
        try:
            async with asyncio.timeout(self._limits.seconds):
                answered = _join(stars, await self._by_one_model(stars.values, wanted))
        except TimeoutError as error:
            said = f"the table was not predicted within {self._limits.seconds:g} s; try again, or send fewer stars"
            raise AstroScaleError("deadline_exceeded", said, retryable=True) from error
        self._metrics.table_rows.labels("refused").inc(len(answered.refused))
        self._metrics.table_rows.labels("predicted").inc(len(stars.values) - len(answered.refused))
        return answered

    async def _by_one_model(self, values: NDArray[np.float64], wanted: Sequence[NDArray[np.intp]]) -> list[_Part]:
        parts: list[_Part] = []
        for _ in range(ROUNDS):
            parts += await self._ask_all(values, wanted)
            replied: list[_Part] = [part for part in parts if part.model is not None]
            if len({part.model for part in replied}) <= 1:
                return parts
            # The model was changed meanwhile. What answered last is the new one, of all that we can know.
            latest = max(replied, key=lambda part: part.number).model
            wanted = [part.rows for part in parts if part.model != latest]
            parts = [part for part in parts if part.model == latest]
        raise AstroScaleError("model_changing", "the model in service keeps changing; try again", retryable=True)

    async def _ask_all(self, values: NDArray[np.float64], wanted: Sequence[NDArray[np.intp]]) -> list[_Part]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._ask(values, rows)) for rows in wanted]
        except* AstroScaleError as errors:
            first = errors.exceptions[0]
            raise first from None
        return [part for task in tasks for part in task.result()]

    async def _ask(self, values: NDArray[np.float64], rows: NDArray[np.intp]) -> list[_Part]:
        try:
            reply = await self._exchange(values[rows])
        except AstroScaleError as error:
            if error.retryable:
                raise
            if len(rows) == 1:
                return [self._part(rows, None, error)]
            # One row has spoiled the message: its neighbours are asked for without it.
            half = len(rows) // 2
            return [*await self._ask(values, rows[:half]), *await self._ask(values, rows[half:])]
        return [self._part(rows, reply, None)]

    async def _exchange(self, values: NDArray[np.float64]) -> Reply:
        async with self._in_flight:
            message = await self.work(tablewire.message_of, values)
            while True:
                try:
                    value = await self._relay.ask_table(message, self._limits.seconds_a_message)
                except AstroScaleError as error:
                    # Whoever took it may be gone. The table's own deadline ends this.
                    if error.code != "deadline_exceeded":
                        raise
                else:
                    return await self.work(tablewire.read_reply, value, len(values))

    def _part(self, rows: NDArray[np.intp], reply: Reply | None, error: AstroScaleError | None) -> _Part:
        self._arrived += 1
        return _Part(rows, reply, error, self._arrived)


def _join(stars: Stars, parts: Sequence[_Part]) -> Answered:
    n = len(stars.values)
    scores = np.full((n, 6), np.nan, dtype=np.float32)
    tail = np.full(n, np.nan, dtype=np.float32)
    flags = np.zeros(n, dtype=np.uint32)
    refused = dict(stars.refused)
    model: Model | None = None
    for part in parts:
        if part.reply is not None:
            scores[part.rows], tail[part.rows] = part.reply.scores, part.reply.tail_probability
            flags[part.rows], model = part.reply.flags, part.reply.model
        elif part.error is not None:
            refused[int(part.rows[0])] = part.error
    return Answered(scores, tail, flags, model, refused)
