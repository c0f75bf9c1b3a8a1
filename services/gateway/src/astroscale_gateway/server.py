"""uvicorn, with our signals, our logs and a time to drain."""

import contextlib
import gc
from collections.abc import Generator

import uvicorn
from astroscale_shared.runtime import logging, shutdown
from astroscale_shared.runtime.errors import AstroScaleError
from fastapi import FastAPI

from astroscale_gateway.settings import GatewaySettings


class _Server(uvicorn.Server):
    """Ends with exit code 0 after SIGTERM: uvicorn's own handler raises the signal again once it has drained."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        shutdown.on_signal(self._ask_to_stop)
        yield

    def _ask_to_stop(self) -> None:
        logging.get("server").info("draining")
        self.should_exit = True


async def run(app: FastAPI, settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT, then answer what is under way. AstroScaleError `cannot_listen`."""
    server = _Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # nothing here asks who the caller is
            ssl_certfile=settings.tls_certfile,
            ssl_keyfile=str(settings.tls_keyfile) if settings.tls_keyfile else None,
            timeout_graceful_shutdown=int(settings.deadline_seconds) + 2,
        )
    )
    # What was imported and wired stays until the end: no collection need walk it while callers wait.
    gc.collect()
    gc.freeze()
    try:
        await server.serve()
    except SystemExit as error:
        # uvicorn's way to say that the port is taken or the start failed; it has logged which.
        raise AstroScaleError("cannot_listen", f"cannot serve on {settings.host}:{settings.port}") from error
