"""How far a consumer is behind, in messages and in seconds, by group and partition."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from astroscale_shared.runtime.metrics import Metrics

EVERY_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Lag:
    """messages: not yet processed. seconds: since the broker took the next one of them; 0 when there is none."""

    messages: int
    seconds: float


def age(timestamp_ms: int, now: float) -> float:
    """Seconds from a record's timestamp to `now` (seconds since 1970); none where a clock is behind."""
    return max(0.0, now - timestamp_ms / 1000)


class LagGauges:
    """`astroscale_<service>_lag_messages` and `_lag_seconds`; a partition that is not assigned has none."""

    def __init__(self, metrics: Metrics) -> None:
        labels = ["group", "partition"]
        self._messages = metrics.gauge("lag_messages", "messages not yet processed", labels)
        self._seconds = metrics.gauge("lag_seconds", "age of the next message to process, 0 when idle", labels)
        self._shown: dict[str, set[str]] = {}

    def show(self, group: str, lags: Mapping[int, Lag]) -> None:
        """What `group` has assigned here now."""
        for partition in self._shown.get(group, set()) - {str(partition) for partition in lags}:
            self._messages.remove(group, partition)
            self._seconds.remove(group, partition)
        self._shown[group] = {str(partition) for partition in lags}
        for partition, lag in lags.items():
            self._messages.labels(group, str(partition)).set(lag.messages)
            self._seconds.labels(group, str(partition)).set(lag.seconds)

    async def report(self, group: str, measure: Callable[[], Awaitable[Mapping[int, Lag]]]) -> None:
        """Show it every two seconds until cancelled. Whoever runs this notices when it fails: a lag that stands still
        would look like a healthy one."""
        while True:
            self.show(group, await measure())
            await asyncio.sleep(EVERY_S)
