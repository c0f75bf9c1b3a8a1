"""A transaction's bytes are those that its messages unfold to."""

from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from astroscale_preprocessor.weighing import weigh
from astroscale_shared.messaging.contracts import ARROW, JSON


def record(value: bytes | None, kind: str | None) -> Any:
    headers = [("no-value", None)] if kind is None else [("content-type", kind.encode())]
    return SimpleNamespace(value=value, headers=headers)


def stream(codec: str | None) -> bytes:
    batch = pa.record_batch({"ra": pa.array([1.0] * 100_000)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_a_compressed_stream_weighs_what_it_unfolds_to(codec: str) -> None:
    value = stream(codec)
    assert len(value) < 100_000
    assert weigh(record(value, ARROW)) >= 800_000


@pytest.mark.parametrize(
    "given",
    [
        record(None, None),
        record(b"", ARROW),
        record(b"x" * 1_000, ARROW),
        record(b"\xff" * 1_000, ARROW),
        record(stream("zstd")[:200], ARROW),
        record(b"[" * 1_000, JSON),
        record(stream("zstd"), None),
    ],
)
def test_anything_else_weighs_what_it_has(given: Any) -> None:
    assert weigh(given) == len(given.value or b"")
