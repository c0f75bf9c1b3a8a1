"""Lag in messages and in seconds: what waits has an age, and idle is exactly 0, past the markers of commits."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from astroscale_shared.messaging import lag as lag_module
from astroscale_shared.messaging.lag import Lag, LagGauges
from astroscale_shared.runtime.metrics import Metrics

from tests.support.pair import Pair
from tests.support.pipes import produce, running, until


async def test_lag_while_a_batch_waits_and_when_idle(pair: Pair) -> None:
    gate = threading.Event()

    def hold(_: Sequence[Any]) -> None:
        gate.wait(20)

    loop = pair.loop(hold, max_records=2)
    async with running(loop):
        await until(lambda: not loop.unready(), "joined")
        await produce(pair.settings, pair.source, 12, partitions=4)

        async def waits() -> bool:
            lags = await loop.lag()
            return len(lags) == 4 and all(lag.messages == 3 and lag.seconds > 0.2 for lag in lags.values())

        await until(waits, "three messages of each partition, more than 0.2 s old")
        assert all(lag.seconds < 20 for lag in (await loop.lag()).values())
        gate.set()
        await until(lambda: pair.has(12), "all out")
        # The loop's own output ends with a commit marker: as the input of another, it is idle past that marker.
        after = Pair(pair.settings, pair.out, pair.source, f"{pair.group}.after").loop(max_records=100)
        async with running(after):

            async def idle() -> bool:
                return await after.lag() == {0: Lag(0, 0.0)} and await loop.lag() == dict.fromkeys(range(4), Lag(0, 0))

            await until(idle, "both idle")


async def test_gauges_show_what_is_assigned_and_a_report_that_fails_is_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lag_module, "EVERY_S", 0.01)
    metrics = Metrics("test")
    gauges = LagGauges(metrics)
    answers = [{0: Lag(3, 1.5), 1: Lag(0, 0.0)}, {1: Lag(2, 0.5)}]

    async def measure() -> dict[int, Lag]:
        if not answers:
            raise RuntimeError("the broker's answer makes no sense")
        return answers.pop(0)

    gauges.show("other", {0: Lag(7, 7.0)})
    with pytest.raises(RuntimeError, match="no sense"):
        await asyncio.wait_for(gauges.report("mine", measure), 5)
    lines = [line for line in metrics.render().decode().splitlines() if line.startswith("astroscale_test_lag")]
    assert sorted(lines) == [
        'astroscale_test_lag_messages{group="mine",partition="1"} 2.0',
        'astroscale_test_lag_messages{group="other",partition="0"} 7.0',
        'astroscale_test_lag_seconds{group="mine",partition="1"} 0.5',
        'astroscale_test_lag_seconds{group="other",partition="0"} 7.0',
    ]
