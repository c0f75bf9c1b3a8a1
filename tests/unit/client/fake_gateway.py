"""A gateway on a real port that answers by the contract, and misbehaves when told to."""

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

VERSION = "0123456789ab"

Answer = tuple[int, dict[str, str], Any]
Behaviour = Callable[[dict[str, Any]], Answer | None]


def prediction_of(star: dict[str, Any]) -> dict[str, Any]:
    """A prediction whose velocity is the star's ra, so that an order can be checked."""
    velocity = float(star["ra"])
    return {
        "radial_velocity_kms": velocity,
        "predicted_z": velocity / 299_792.458,
        "interval": {
            "level": 0.9,
            "lower_kms": velocity - 40,
            "upper_kms": velocity + 40,
            "lower_z": (velocity - 40) / 299_792.458,
            "upper_z": (velocity + 40) / 299_792.458,
        },
        "quantiles_kms": {
            q: velocity + d for q, d in zip(("q05", "q16", "q50", "q84", "q95"), (-40, -20, 0, 20, 40), strict=True)
        },
        "flags": [f"missing_{name}" for name, value in star.items() if value is None],
        "model": {"name": "default", "version": VERSION, "encoding_version": 1},
        "request_id": "r-1",
    }


def refusal(field: str, value: Any, allowed: str) -> Answer:
    """422 in the gateway's shape."""
    said = f"{field} is {value}; allowed is {allowed}"
    error = {
        "code": "invalid_star",
        "message": "1 field is not allowed",
        "fields": [{"field": field, "value": value, "allowed": allowed, "message": said}],
    }
    return 422, {}, {"error": error, "request_id": "r-1"}


def busy(retry_after: str = "0") -> Answer:
    """503 in the gateway's shape."""
    error = {"code": "busy", "message": "too many requests are waiting", "fields": []}
    return 503, {"retry-after": retry_after}, {"error": error, "request_id": "r-1"}


class FakeGateway(ThreadingHTTPServer):
    """requests: bodies seen; headers: of the last request; behaviour: an answer other than a prediction, or None."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        self.behaviour: Behaviour = lambda _: None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        gateway = cast("FakeGateway", self.server)
        star: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
        gateway.requests.append(star)
        gateway.headers = {name.lower(): value for name, value in self.headers.items()}
        answer = gateway.behaviour(star)
        if answer is None and not isinstance(star.get("dec"), float):
            answer = refusal("dec", star.get("dec"), "[-90, 90] deg")
        self._answer(*(answer or (200, {}, prediction_of(star))))

    def do_GET(self) -> None:
        known: dict[str, Any] = {
            "/readyz": {"ready": True, "reasons": []},
            "/model": {"name": "default", "version": VERSION, "slot": "default", "card": {}},
        }
        self._answer(200 if self.path in known else 404, {}, known.get(self.path, {}))

    def _answer(self, status: int, headers: dict[str, str], document: Any) -> None:
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        # One write: two would meet Nagle's algorithm and 40 ms.
        self.wfile.write(
            f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n{head}\r\n".encode()
            + content
        )

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@contextmanager
def running() -> Generator[FakeGateway]:
    """A gateway that runs in a thread."""
    gateway = FakeGateway()
    thread = threading.Thread(target=gateway.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield gateway
    finally:
        gateway.shutdown()
        thread.join()
        gateway.server_close()
