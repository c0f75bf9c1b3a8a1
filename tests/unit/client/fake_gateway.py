"""A gateway on a real port that answers by the contract, and misbehaves when told to."""

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import pyarrow as pa
from astroscale_shared.messaging import codec
from astroscale_shared.messaging.contracts import ANSWER_SCHEMA, ARROW

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


def batch_of(stars: list[Any], refuse: Callable[[Any], dict[str, Any] | None]) -> dict[str, Any]:
    """The answer to an array of stars."""
    refused = {i: error for i, star in enumerate(stars) if (error := refuse(star)) is not None}
    model = {"name": "default", "version": VERSION, "encoding_version": 1}
    made = [None if i in refused else prediction_of(star) for i, star in enumerate(stars)]
    for one in made:
        if one is not None:
            del one["model"], one["request_id"]
            one["tail_probability"] = None
    return {
        "predictions": made,
        "refused": [{"row": i, **error} for i, error in refused.items()],
        "model": model if any(made) else None,
        "request_id": "r-1",
    }


def rows_of(columns: pa.RecordBatch, refuse: Callable[[Any], dict[str, Any] | None]) -> pa.RecordBatch:
    """The answer to columns; the tail probability is a hundredth of the measured velocity."""
    rows: list[dict[str, Any]] = []
    for star in columns.to_pylist():
        error = refuse(star)
        if error is not None:
            rows.append({"error": error["fields"][0]["message"]})
            continue
        said = prediction_of(star)
        measured = star.get("rv_kms")
        rows.append(
            {
                "radial_velocity_kms": said["radial_velocity_kms"],
                "predicted_z": said["predicted_z"],
                **said["quantiles_kms"],
                "tail_probability": None if measured is None else measured / 100,
                "flags": 4 if star.get("teff") is None else 0,
                "model_name": "default",
                "model_version": VERSION,
            }
        )
    plain = pa.schema([f.with_type(pa.string()) if pa.types.is_dictionary(f.type) else f for f in ANSWER_SCHEMA])
    return pa.RecordBatch.from_pylist(rows, schema=plain).cast(ANSWER_SCHEMA)


def no_north(star: Any) -> dict[str, Any] | None:
    """Why a star is refused: its declination is no number."""
    if isinstance(star.get("dec"), float):
        return None
    return refusal("dec", star.get("dec"), "[-90, 90] deg")[2]["error"]


class FakeGateway(ThreadingHTTPServer):
    """requests: stars seen; headers: of the last request; behaviour: an answer other than a prediction, or None.

    batches: columns seen in streams; of_batch: an answer other than predictions, or None; refuse: as `no_north`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        self.behaviour: Behaviour = lambda _: None
        self.batches: list[pa.RecordBatch] = []
        self.of_batch: Callable[[], Answer | None] = lambda: None
        self.refuse: Callable[[Any], dict[str, Any] | None] = no_north

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        gateway = cast("FakeGateway", self.server)
        body = self.rfile.read(int(self.headers["content-length"]))
        gateway.headers = {name.lower(): value for name, value in self.headers.items()}
        if self.path == "/predict/batch":
            self._answer_batch(gateway, body)
            return
        star: dict[str, Any] = json.loads(body)
        gateway.requests.append(star)
        answer = gateway.behaviour(star)
        if answer is None and not isinstance(star.get("dec"), float):
            answer = refusal("dec", star.get("dec"), "[-90, 90] deg")
        self._answer(*(answer or (200, {}, prediction_of(star))))

    def _answer_batch(self, gateway: FakeGateway, body: bytes) -> None:
        arrow = gateway.headers["content-type"] == ARROW
        if arrow:
            gateway.batches.append(codec.from_trusted(body))
        else:
            gateway.requests += json.loads(body)
        answer = gateway.of_batch()
        if answer is not None:
            self._answer(*answer)
        elif arrow:
            self._answer(200, {}, codec.to_bytes(rows_of(gateway.batches[-1], gateway.refuse)))
        else:
            self._answer(200, {}, batch_of(json.loads(body), gateway.refuse))

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
