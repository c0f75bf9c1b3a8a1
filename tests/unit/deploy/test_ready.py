"""The images' health check says what /readyz says."""

import asyncio
import shutil
import ssl
import sys
from pathlib import Path

import pytest
from astroscale_shared.runtime.health import HealthServer
from astroscale_shared.runtime.metrics import Metrics

from tests.support.deploy import ROOT


async def check(port: int) -> tuple[int | None, str]:
    """Exit code and output of the check against a port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(ROOT / "deploy/image/ready.py"),
        env={"ASTROSCALE_READY_PORT": "ASTROSCALE_X__PORT", "ASTROSCALE_X__PORT": str(port)},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


@pytest.mark.parametrize(("reasons", "code"), [([], 0), (["no model yet"], 1)])
async def test_it_is_as_healthy_as_the_service_is_ready(reasons: list[str], code: int) -> None:
    server = HealthServer("127.0.0.1", 0, Metrics("test"), lambda: reasons)
    await server.start()
    try:
        exit_code, said = await check(server.port)
    finally:
        await server.stop()
    assert exit_code == code
    assert all(reason in said for reason in reasons)


async def test_nobody_listens_is_not_healthy() -> None:
    code, said = await check(9)  # discard: nothing of ours ever listens there
    assert code == 1
    assert "no answer on port 9" in said


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_a_gateway_with_a_certificate_is_asked_by_tls(tmp_path: Path) -> None:
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out c -subj /CN=x"
    made = await asyncio.create_subprocess_exec(*command.split(), cwd=tmp_path, stderr=asyncio.subprocess.DEVNULL)
    assert await made.wait() == 0
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "c", tmp_path / "k")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{"ready":true}')
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        assert await check(server.sockets[0].getsockname()[1]) == (0, '{"ready":true}')
    finally:
        server.close()
