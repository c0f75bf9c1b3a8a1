"""Stop in order on SIGTERM and SIGINT."""

import asyncio
import signal
from collections.abc import Callable


def on_signal(stop: Callable[[], None]) -> None:
    """Call `stop` once at the first SIGTERM or SIGINT of the running loop's process; a second one ends it at once."""
    loop = asyncio.get_running_loop()

    def once() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, once)
