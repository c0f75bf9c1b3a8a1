"""The health server over a real socket."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from astroscale_shared.runtime.health import HealthServer
from astroscale_shared.runtime.metrics import Metrics

reasons: list[str] = []


@pytest.fixture
async def server() -> AsyncIterator[HealthServer]:
    """A server on a free port; what `reasons` holds makes it unready."""
    reasons.clear()
    metrics = Metrics("test")
    metrics.counter("rows", "rows").inc(3)
    one = HealthServer("127.0.0.1", 0, metrics, lambda: list(reasons))
    await one.start()
    yield one
    await one.stop()


async def get(server: HealthServer, path: str, method: str = "GET") -> httpx.Response:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=5.0) as client:
        return await client.request(method, path)


async def raw(server: HealthServer, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_it_is_alive(server: HealthServer) -> None:
    answer = await get(server, "/healthz")
    assert (answer.status_code, answer.json()) == (200, {"alive": True})


async def test_ready_follows_the_service_and_says_why_not(server: HealthServer) -> None:
    assert (await get(server, "/readyz")).json() == {"ready": True, "reasons": []}
    reasons.append("no model is published")
    answer = await get(server, "/readyz?verbose=1")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "reasons": ["no model is published"]}
    assert (await get(server, "/healthz")).status_code == 200
    reasons.clear()
    assert (await get(server, "/readyz")).status_code == 200


async def test_notes_are_beside_the_reasons_and_make_nothing_unready() -> None:
    notes = ["default -> default 0123 refused"]
    one = HealthServer("127.0.0.1", 0, Metrics("noted"), list[str], lambda: list(notes))
    await one.start()
    try:
        answer = await get(one, "/readyz")
        assert (answer.status_code, answer.json()) == (200, {"ready": True, "reasons": [], "notes": notes})
        notes.clear()
        assert (await get(one, "/readyz")).json() == {"ready": True, "reasons": [], "notes": []}
    finally:
        await one.stop()


async def test_metrics_are_in_prometheus_text_with_the_process_beside(server: HealthServer) -> None:
    answer = await get(server, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert "astroscale_test_rows_total 3.0" in lines
    for name in ("cpu_seconds", "resident_memory_bytes", "open_files", "start_time_seconds", "log_disk_free_bytes"):
        (line,) = [line for line in lines if line.startswith(f"astroscale_test_process_{name} ")]
        assert float(line.split()[1]) > 0, name
    assert "_created" not in answer.text


async def test_what_is_not_here_is_said(server: HealthServer) -> None:
    assert (await get(server, "/")).status_code == 404
    assert (await get(server, "/readyz", "POST")).status_code == 405


async def test_a_client_that_speaks_no_http_harms_nobody(server: HealthServer) -> None:
    assert (await raw(server, b"\x16\x03\x01 hello\r\n\r\n")).startswith(b"HTTP/1.1 405")
    assert await raw(server, b"x" * 20_000) == b""
    assert await raw(server, b"GET /healthz HTTP/1.1\r\n") == b""
    assert (await get(server, "/healthz")).status_code == 200


async def test_many_ask_at_once(server: HealthServer) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=10.0) as client:
        answers = await asyncio.gather(*(client.get("/readyz") for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}


async def test_a_taken_port_is_an_error_at_the_start(server: HealthServer) -> None:
    with pytest.raises(OSError, match="in use"):
        await HealthServer("127.0.0.1", server.port, Metrics("other"), list).start()
