"""The gateway in this process, before a fake inference and without Redis."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import httpx
import pytest
from astroscale_gateway.app import build_app
from astroscale_gateway.ledger import Follow
from astroscale_gateway.settings import GatewaySettings
from astroscale_shared.runtime.settings import KafkaSettings, RedisSettings

from tests.unit.gateway.fakes import FakeLedger, FakeTransport

NO_REDIS = RedisSettings(url="redis://127.0.0.1:1/0")


class Gateway(Protocol):
    """`async with gateway(transport, follow, **settings) as client`."""

    def __call__(
        self, transport: FakeTransport | None = None, follow: Follow | None = None, **settings: Any
    ) -> AbstractAsyncContextManager[httpx.AsyncClient]: ...


@pytest.fixture
def star() -> dict[str, Any]:
    """A star that is right."""
    return {"ra": 200.12, "dec": -47.33, "teff": 5800, "logg": 4.3, "fe_h": 0, "snr": 100, "parallax": 7.2}


@pytest.fixture
def gateway() -> Gateway:
    """Makes running gateways."""

    @asynccontextmanager
    async def run(
        transport: FakeTransport | None = None, follow: Follow | None = None, **settings: Any
    ) -> AsyncGenerator[httpx.AsyncClient]:
        carrier = transport or FakeTransport()

        async def connect() -> FakeTransport:
            await carrier.start()
            return carrier

        app = build_app(
            GatewaySettings(probe_seconds=0.2, **settings),
            KafkaSettings(),
            NO_REDIS,
            connect=connect,
            follow=follow or FakeLedger().follow,
        )
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client,
        ):
            yield client

    return run
