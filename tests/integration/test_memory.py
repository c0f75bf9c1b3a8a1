"""A transaction is bounded by bytes as they unfold, whatever a backlog holds."""

import asyncio
from collections.abc import Sequence
from typing import Any

import psutil
import pytest

from tests.support.pair import Pair, once
from tests.support.pipes import produce, running, until, visible

MIB = 1 << 20
VALUE = b"x" * 900_000
"""Unfolds from some hundred bytes: a fetch of a few megabytes holds gigabytes of them."""


async def test_memory_stays_flat_while_a_backlog_that_unfolds_is_read(pair: Pair) -> None:
    sent = await produce(pair.settings, pair.source, 600, partitions=4, value=VALUE)
    heaviest = 0

    def weigh(records: Sequence[Any]) -> None:
        nonlocal heaviest
        heaviest = max(heaviest, sum(len(record.value) for record in records))

    process = psutil.Process()
    before = most = process.memory_info().rss

    async def done() -> bool:
        nonlocal most
        most = max(most, process.memory_info().rss)
        return await pair.has(len(sent))

    async with running(pair.loop(weigh, max_weight=4 * MIB)):
        await until(done, "all out")
    assert await visible(pair.settings, pair.out) == once(sent)
    assert len(VALUE) < heaviest <= 4 * MIB
    assert most - before < 150 * MIB, f"{(most - before) / MIB:.0f} MiB more, for {600 * len(VALUE) / MIB:.0f} MiB"


@pytest.mark.parametrize("max_records", [1, 7, 2_000])
async def test_a_message_that_is_heavier_than_the_bound_goes_alone(pair: Pair, max_records: int) -> None:
    light = await produce(pair.settings, pair.source, 20)
    heavy = await produce(pair.settings, pair.source, 2, value=VALUE)
    more = await produce(pair.settings, pair.source, 20)
    sizes: list[list[int]] = []
    loop = pair.loop(
        lambda records: sizes.append([len(r.value) for r in records]), max_records=max_records, max_weight=500
    )
    async with running(loop):
        await until(lambda: pair.has(42), "all out")
        await asyncio.sleep(0)
    assert await visible(pair.settings, pair.out) == once([*light, *heavy, *more])
    assert all(len(batch) <= max_records and (sum(batch) <= 500 or len(batch) == 1) for batch in sizes)
    assert max(len(batch) for batch in sizes) == min(max_records, 20)
