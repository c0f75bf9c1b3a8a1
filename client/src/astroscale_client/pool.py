"""Many stars at once: a bounded number of requests under way over kept-alive connections."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import httpx
from astroscale_shared.runtime.errors import AstroScaleError

from astroscale_client import wire
from astroscale_client.prediction import Prediction

CONCURRENCY: Final = 32
"""Enough for the gateway to fill its batches, few enough to leave room for others."""

_OF_ONE_STAR: Final = frozenset({422, 500, 504})

Scored = Prediction | AstroScaleError


@dataclass(frozen=True, slots=True)
class Options:
    """How to reach the gateway. timeout: seconds for one try; retries: further tries."""

    url: str
    timeout: float = 10.0
    retries: int = 4
    api_key: str | None = None


async def score(
    stars: Sequence[wire.Star],
    options: Options,
    *,
    concurrency: int = CONCURRENCY,
    advance: Callable[[], None] | None = None,
) -> list[Scored]:
    """Predictions in the stars' order, or why a star was refused. `advance` is called after each.

    Raises AstroScaleError where it is not one star's fault: gateway gone, busy beyond all tries, key refused.
    """
    results: list[Scored | None] = [None] * len(stars)
    numbers = iter(range(len(stars)))
    trust = httpx.create_ssl_context()

    async def work() -> None:
        async with _connection(options, trust) as connection:
            for number in numbers:
                results[number] = await _one(connection, stars[number], options)
                if advance is not None:
                    advance()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(stars))):
                group.create_task(work())
    except* AstroScaleError as errors:
        first = errors.exceptions[0]
        raise first from None
    return [result for result in results if result is not None]


def _connection(options: Options, trust: ssl.SSLContext) -> httpx.AsyncClient:
    # One connection for each worker: a pool that many share looks through all of them at each request, which costs
    # three times as much as the request.
    return httpx.AsyncClient(
        base_url=options.url,
        timeout=options.timeout,
        limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
        headers=wire.headers(options.api_key),
        mounts=wire.DIRECT_ASYNC,
        verify=trust,
    )


async def _one(connection: httpx.AsyncClient, star: wire.Star, options: Options) -> Scored:
    try:
        content = wire.body(star)
    except wire.RefusedError as refused:
        return refused
    for attempt in range(options.retries + 1):
        last = attempt == options.retries
        answer = None
        try:
            answer = await _post(connection, content, options)
        except AstroScaleError:
            if last:
                raise
        if answer is not None and (answer.status not in wire.RETRIED or last):
            try:
                return wire.prediction(answer)
            except AstroScaleError as error:
                # A star of its own may be refused, or hit a fault; a busy gateway or a wrong key concerns them all.
                if answer.status in _OF_ONE_STAR:
                    return error
                raise
        await asyncio.sleep(wire.pause(answer, attempt))
    raise AssertionError  # the last try has returned or raised


async def _post(connection: httpx.AsyncClient, content: bytes, options: Options) -> wire.Answer:
    try:
        response = await connection.post("/predict", content=content, headers={"content-type": "application/json"})
    except httpx.TransportError as error:
        raise wire.unreachable(options.url, late=isinstance(error, httpx.TimeoutException)) from error
    return wire.answer(response)
