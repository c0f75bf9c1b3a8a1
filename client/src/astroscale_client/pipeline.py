"""Pieces of a table through whoever answers them: a few under way, results in order, memory bounded."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from astroscale_shared.messaging.contracts import ANSWER_SCHEMA
from astroscale_shared.runtime.errors import AstroScaleError
from numpy.typing import NDArray

from astroscale_client import inputs, results

Score = Callable[[Mapping[str, NDArray[np.float64]]], Awaitable[pa.RecordBatch]]
"""Numbers by column (float64 [N], N > 0) -> rows of `contracts.ANSWER_SCHEMA`, one for each."""

Take = Callable[[pa.Table, pa.RecordBatch], None]


async def run(pieces: Iterable[pa.Table], score: Score, *, in_flight: int, take: Take) -> None:
    """Ask for each piece and hand it with its answer to `take`, in the order of the table.

    Raises what `score` raises; nothing is under way then.
    """
    waiting: deque[tuple[pa.Table, asyncio.Task[pa.RecordBatch]]] = deque()

    async def finish_first() -> None:
        piece, task = waiting[0]
        answer = await task
        waiting.popleft()
        take(piece, answer)

    try:
        for piece in pieces:
            waiting.append((piece, asyncio.create_task(_answer(piece, score))))
            await asyncio.sleep(0)  # it is sent before the next one is read
            if len(waiting) >= in_flight:
                await finish_first()
        while waiting:
            await finish_first()
    finally:
        tasks = [task for _, task in waiting]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _answer(piece: pa.Table, score: Score) -> pa.RecordBatch:
    asked = inputs.of_table(piece)
    answer = await score(asked.numbers) if len(asked.rows) else None
    if answer is not None:
        _check(answer, len(asked.rows))
        answer = answer.select(ANSWER_SCHEMA.names)
    return results.answer_of(asked, answer)


def _check(answer: pa.RecordBatch, rows: int) -> None:
    kinds: dict[str, Any] = dict(zip(answer.schema.names, answer.schema.types, strict=True))
    lacking = [f.name for f in ANSWER_SCHEMA if kinds.get(f.name) != f.type]
    if answer.num_rows != rows or lacking:
        said = f"lacks {', '.join(lacking)}" if lacking else f"has {answer.num_rows} rows for {rows}"
        raise AstroScaleError("bad_answer", f"the answer to a table {said}: are client and gateway of one version?")
