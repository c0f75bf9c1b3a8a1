"""`python -m astroscale_gateway`."""

import uvloop
from astroscale_shared.runtime.process import serve

from astroscale_gateway.app import build_app
from astroscale_gateway.server import run
from astroscale_gateway.settings import GatewaySettings


async def main() -> None:
    """Build and run."""
    settings = GatewaySettings.load()
    await run(build_app(settings), settings)


if __name__ == "__main__":
    serve("gateway", main, uvloop.new_event_loop, level=lambda: GatewaySettings.load().log_level)
