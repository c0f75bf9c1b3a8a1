"""How often the gateway is asked again."""

from collections.abc import Callable

import httpx
import numpy as np
import pytest
from astroscale_client import pool, wire
from astroscale_shared.messaging import codec
from astroscale_shared.runtime.errors import AstroScaleError

from tests.unit.client.fake_gateway import no_north, rows_of

NUMBERS = {"ra": np.array([1.0]), "dec": np.array([2.0])}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "pause", lambda _answer, _attempt: 0.0)


def requests(answer: Callable[[int], httpx.Response]) -> tuple[pool.Requests, list[int]]:
    """A client whose n-th request (from 0) is answered by `answer(n)`, and the numbers of those that were made."""
    made: list[int] = []

    def handle(_request: httpx.Request) -> httpx.Response:
        made.append(len(made))
        return answer(made[-1])

    client = httpx.AsyncClient(transport=httpx.MockTransport(handle), base_url="http://gateway")
    return pool.Requests(client, pool.Options("http://gateway", retries=2)), made


def good() -> httpx.Response:
    batch = codec.from_trusted(codec.to_bytes(rows_of(_asked(), no_north)))
    return httpx.Response(200, content=codec.to_bytes(batch))


def _asked():
    from astroscale_client import arrow

    return arrow.batch(arrow.stream(NUMBERS))


def gone() -> httpx.Response:
    raise httpx.ConnectError("nobody is there")


async def test_a_gateway_that_was_never_there_is_soon_given_up() -> None:
    asked, made = requests(lambda _: gone())
    with pytest.raises(AstroScaleError, match="does not answer") as raised:
        await asked.table(NUMBERS)
    assert raised.value.code == "gateway_unreachable"
    assert len(made) == 3


async def test_one_that_restarts_during_a_table_is_waited_for() -> None:
    asked, made = requests(lambda n: gone() if 1 <= n <= 8 else good())
    for _ in range(2):
        assert (await asked.table(NUMBERS)).num_rows == 1
    assert len(made) == 10


@pytest.mark.parametrize("status", [422, 413, 401, 500])
async def test_what_trying_again_does_not_help_is_said_at_once(status: int) -> None:
    error = {"error": {"code": "some_code", "message": "so it is", "fields": []}}
    asked, made = requests(lambda _: httpx.Response(status, json=error))
    with pytest.raises(AstroScaleError, match="so it is"):
        await asked.table(NUMBERS)
    assert len(made) == 1
