"""Many stars over HTTP: pieces of a bounded size, a few under way over kept-alive connections, tried again if need be."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import httpx
from astroscale_shared.runtime.errors import AstroScaleError

from astroscale_client import wire
from astroscale_client.prediction import Prediction

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

CONCURRENCY: Final = 3
"""Requests under way: enough that inference never waits for us, few enough to leave room for others."""

STARS_A_REQUEST: Final = 1_000
PATIENCE: Final = 10
"""Tries once the gateway has answered: a long table outlives its restart, and the busy minute of others."""

_BATCH: Final = "/predict/batch"

Scored = Prediction | AstroScaleError


@dataclass(frozen=True, slots=True)
class Options:
    """How to reach the gateway. timeout: seconds for one try; retries: further tries."""

    url: str
    timeout: float = 10.0
    retries: int = 4
    api_key: str | None = None


class Requests:
    """Sends to the gateway, again where that may help; many tasks may share one."""

    def __init__(self, client: httpx.AsyncClient, options: Options) -> None:
        self._client = client
        self._options = options
        self._answered = False

    async def batch(self, content: bytes, kind: str) -> wire.Answer:
        """The answer to a batch, 200. AstroScaleError for all else."""
        attempt = 0
        while True:
            answer, error = None, None
            try:
                answer = await self._post(content, kind)
            except AstroScaleError as unreachable:
                error = unreachable
            else:
                if answer.status == HTTPStatus.OK:
                    self._answered = True
                    return answer
                error = wire.failure(answer.status, wire.json_of(answer))
            tries = max(self._options.retries, PATIENCE) if self._answered or answer else self._options.retries
            if not error.retryable or attempt >= tries:
                raise error
            await asyncio.sleep(wire.pause(answer, attempt))
            attempt += 1

    async def _post(self, content: bytes, kind: str) -> wire.Answer:
        headers = {"content-type": kind, "accept": f"{kind}, {wire.JSON}"}
        try:
            response = await self._client.post(_BATCH, content=content, headers=headers)
        except httpx.TransportError as error:
            raise wire.unreachable(self._options.url, late=isinstance(error, httpx.TimeoutException)) from error
        return wire.answer(response)

    async def table(self, numbers: "Mapping[str, NDArray[np.float64]]") -> "pa.RecordBatch":
        """Answers to rows in columns: what `pipeline.run` wants."""
        # Imported where it is needed: Arrow takes longer to import than a star to predict.
        from astroscale_client import arrow

        answer = await self.batch(arrow.stream(numbers), arrow.KIND)
        return arrow.batch(answer.content)


@asynccontextmanager
async def connected(options: Options, connections: int) -> AsyncGenerator[Requests]:
    """Connections to the gateway, open while the block lasts."""
    async with httpx.AsyncClient(
        base_url=options.url,
        timeout=options.timeout,
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        headers=wire.headers(options.api_key),
        mounts=wire.DIRECT_ASYNC,
    ) as client:
        yield Requests(client, options)


async def score(
    stars: Sequence[wire.Star],
    options: Options,
    *,
    concurrency: int = CONCURRENCY,
    advance: Callable[[int], None] | None = None,
) -> list[Scored]:
    """Predictions in the stars' order, or why a star was refused. `advance` is called with the number of stars done.

    Raises AstroScaleError where it is not one star's fault: gateway gone, busy beyond all tries, key refused.
    """
    results: list[Scored | None] = [None] * len(stars)
    starts = iter(range(0, len(stars), STARS_A_REQUEST))

    async def work(requests: Requests) -> None:
        for start in starts:
            part = stars[start : start + STARS_A_REQUEST]
            results[start : start + len(part)] = await _part(requests, part)
            if advance is not None:
                advance(len(part))

    async with connected(options, concurrency) as requests:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(concurrency, -(-len(stars) // STARS_A_REQUEST))):
                    group.create_task(work(requests))
        except* AstroScaleError as errors:
            first = errors.exceptions[0]
            raise first from None
    return [result for result in results if result is not None]


async def _part(requests: Requests, stars: Sequence[wire.Star]) -> list[Scored]:
    results: list[Scored | None] = []
    asked: list[bytes] = []
    for star in stars:
        try:
            asked.append(wire.body(star))
        except wire.RefusedError as refused:
            results.append(refused)
        else:
            results.append(None)
    if asked:
        answer = await requests.batch(b"[%s]" % b",".join(asked), wire.JSON)
        answers = iter(wire.predictions(answer, len(asked)))
        results = [next(answers) if result is None else result for result in results]
    return [result for result in results if result is not None]
