"""What retention takes before it is read is counted and said; nothing that is left is skipped."""

import asyncio
import os
import threading
from collections.abc import Sequence
from typing import Any

import pytest
import structlog
from astroscale_shared.runtime.errors import AstroScaleError

from tests.support.pair import Pair, once
from tests.support.pipes import committed, expire, produce, running, until, visible


async def test_at_assignment_the_gap_behind_the_committed_offset_is_counted(pair: Pair) -> None:
    first = await produce(pair.settings, pair.source, 10)
    async with running(pair.loop()):
        await until(lambda: pair.has(10), "the first ten")
    await produce(pair.settings, pair.source, 30)
    await expire(pair.settings, pair.source, 25)

    with structlog.testing.capture_logs() as logs:
        async with running(pair.loop()):
            await until(lambda: pair.has(25), "the first ten and the last fifteen")
    assert await visible(pair.settings, pair.out) == once([*first, *(f"0:{offset}" for offset in range(25, 40))])
    assert (await committed(pair.settings, pair.group, pair.source))[0] == (40, "40")
    (said,) = [log for log in logs if log["event"] == "expired_unread"]
    assert (said["expected"], said["first_left"], said["offsets"]) == (10, 25, 15)


async def test_while_a_batch_is_under_way_the_gap_is_counted_once_and_after_it(pair: Pair) -> None:
    await produce(pair.settings, pair.source, 10)
    began, go_on = threading.Event(), threading.Event()

    def hold(_: Sequence[Any]) -> None:
        began.set()
        go_on.wait(20)

    with structlog.testing.capture_logs() as logs:
        async with running(pair.loop(hold, max_records=10)):
            await asyncio.to_thread(began.wait, 20)
            # More than the client has fetched ahead: its next question is for what is gone.
            await produce(pair.settings, pair.source, 2_000, value=os.urandom(8_000))
            await expire(pair.settings, pair.source, 1_900)
            go_on.set()
            await until(lambda: pair.has(120), "the last hundred and ten")
            await until(lambda: _is_at(pair, 2_010), "the end")
    seen = await visible(pair.settings, pair.out)
    assert set(seen.values()) == {1}
    assert {f"0:{offset}" for offset in [*range(10), *range(1_900, 2_010)]} <= seen.keys()
    (said,) = [log for log in logs if log["event"] == "expired_unread"]
    assert said["first_left"] == 1_900
    # Every offset is counted once, as a record or as expired.
    assert (await committed(pair.settings, pair.group, pair.source))[0] == (2_010, "2010")


async def _is_at(pair: Pair, offset: int) -> bool:
    return (await committed(pair.settings, pair.group, pair.source)).get(0, (0, ""))[0] == offset


async def test_a_gap_without_anything_after_it_is_counted_with_what_comes_next(pair: Pair) -> None:
    await produce(pair.settings, pair.source, 5)
    async with running(pair.loop()):
        await until(lambda: pair.has(5), "the first five")
    await produce(pair.settings, pair.source, 5)
    await expire(pair.settings, pair.source, 10)
    for _ in range(2):  # an owner that commits nothing leaves the gap to the next one
        async with running(pair.loop()) as task:
            await asyncio.sleep(0.3)
            assert not task.done()
    async with running(pair.loop()):
        await produce(pair.settings, pair.source, 1)
        await until(lambda: pair.has(6), "the eleventh")
    assert (await committed(pair.settings, pair.group, pair.source))[0] == (11, "11")


async def test_an_offset_beyond_the_end_of_a_log_is_an_error_and_no_jump(pair: Pair) -> None:
    await produce(pair.settings, pair.source, 5)
    async with running(pair.loop()):
        await until(lambda: pair.has(5), "the first five")
    await pair.settle(99)
    with pytest.raises(AstroScaleError, match="offset 99 is beyond the end") as raised:
        await asyncio.wait_for(pair.loop().run(), 20)
    assert raised.value.code == "offset_beyond_end"
