"""How a service process begins and ends."""

import asyncio
import gc
import os
import sys
from collections.abc import Awaitable, Callable

from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError


def serve(
    service: str,
    main: Callable[[], Awaitable[None]],
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    *,
    level: Callable[[], str],
) -> None:
    """Run a service's main coroutine; exit code 0 after a signal, 1 with one logged line after an error.

    `level` reads the log level from the service's settings.
    An error that nobody expected keeps its trace in the log, which is where an operator looks; nothing else shows it.
    """
    logging.configure(service)
    log = logging.get("process")

    # What is loaded by now stays to the end: later collections need not walk through it while a request waits.
    gc.collect()
    gc.freeze()

    async def run() -> None:
        await main()

    try:
        logging.configure(service, level())
        log.info("starting", pid=os.getpid())
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(run())
    except AstroScaleError as error:
        log.error("stopped", code=error.code, reason=error.message)
        sys.exit(1)
    except OSError as error:
        log.error("stopped", code="os_error", reason=str(error))
        sys.exit(1)
    except Exception:  # the outermost frame: log once, end non-zero
        log.exception("stopped", code="unexpected")
        sys.exit(1)
    log.info("stopped", code="asked")
