"""Load generator, in a process of its own: `python -m tests.bench.load URL REQUESTS CONCURRENCY [BODY]` prints JSON.

A lean HTTP/1.1 client (one socket a caller, keep-alive, no parser but for length and status), so that what is measured
is the server. The same one for everything that is compared.
"""

import asyncio
import json
import sys
import time
from typing import cast
from urllib.parse import urlsplit

import uvloop

STAR = b'{"ra":200.12,"dec":-47.33,"teff":5800,"logg":4.3,"fe_h":0.0,"snr":100,"parallax":7.2}'


class Caller(asyncio.Protocol):
    """Sends one request after the other, each when the last is answered."""

    def __init__(self, request: bytes, todo: list[int], latencies: list[float], failures: list[int]) -> None:
        self._request = request
        self._todo = todo
        self._latencies = latencies
        self._failures = failures
        self._buffer = b""
        self._length = -1
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is no subclass

    def go(self) -> None:
        """Send the next request, or end."""
        assert self._transport is not None
        if self._todo[0] <= 0:
            self._transport.close()
            if not self.done.done():
                self.done.set_result(None)
            return
        self._todo[0] -= 1
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._length < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._buffer[:end].lower()
            start = head.index(b"content-length:") + 15
            self._length = end + 4 + int(head[start:].split(b"\r\n", 1)[0])
        if len(self._buffer) < self._length:
            return
        self._latencies.append(time.perf_counter() - self._sent)
        status = int(self._buffer[9:12])
        if status != 200:
            self._failures.append(status)
        self._buffer, self._length = self._buffer[self._length :], -1
        self.go()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))


async def run(url: str, requests: int, concurrency: int, body: bytes) -> dict[str, object]:
    """All requests, shared by `concurrency` callers; seconds."""
    parts = urlsplit(url)
    request = (
        f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode() + body
    todo, latencies, failures = [requests], list[float](), list[int]()
    loop = asyncio.get_running_loop()
    callers: list[Caller] = []
    for _ in range(concurrency):
        _, caller = await loop.create_connection(
            lambda: Caller(request, todo, latencies, failures), parts.hostname or "127.0.0.1", parts.port or 80
        )
        callers.append(caller)
    began = time.perf_counter()
    for caller in callers:
        caller.go()
    await asyncio.gather(*(caller.done for caller in callers))
    return {"seconds": time.perf_counter() - began, "latencies": latencies, "failures": failures}


def main() -> None:
    """Command line."""
    url, requests, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    body = sys.argv[4].encode() if len(sys.argv) > 4 else STAR
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(run(url, requests, concurrency, body))))


if __name__ == "__main__":
    main()
