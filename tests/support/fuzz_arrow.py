"""Feeds damaged Arrow messages to the reader of the raw topic. Run as a process of its own: a reader that trusted its
input would take this one down. `python -m tests.support.fuzz_arrow [MUTATIONS]` prints what became of them as JSON."""

import json
import sys
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from astroscale_shared.messaging import codec, raw
from astroscale_shared.messaging.contracts import ARROW, CONTENT_TYPE
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.encoding import encode
from astroscale_shared.stars.observations import validate

from tests.support.stars import random_stars

ROWS = 12


def compressed(batch: pa.RecordBatch, kind: str) -> bytes:
    """The same batch with a compressed body."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=kind)) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def seeds() -> list[bytes]:
    """Whole messages of several make-ups: plain, with dictionaries, with nested columns beside, compressed."""
    plain = codec.raw_batch(random_stars(ROWS))
    strings = pa.array(["APOGEE", "GALAH", None] * (ROWS // 3))
    rich = plain.set_column(1, "survey", strings.dictionary_encode()).set_column(
        0, "source_id", pa.array([f"s{i}" for i in range(ROWS)], type=pa.large_string())
    )
    rich = rich.append_column("tags", pa.array([[{"a": i, "b": "x" * i}] * (i % 3) for i in range(ROWS)]))
    rich = rich.append_column("views", pa.array(["a long string beyond the view"] * ROWS, type=pa.string_view()))
    return [codec.to_bytes(plain), codec.to_bytes(rich), compressed(plain, "zstd"), compressed(rich, "lz4")]


def damaged(whole: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Mutations: bytes changed, 32 and 64-bit numbers replaced by hostile ones, pieces cut out or doubled."""
    rng = np.random.default_rng(seed)
    hostile = [0, 1, -1, 2**31 - 1, -(2**31), 2**40, 2**62, -(2**63)]
    for _ in range(count):
        data = bytearray(whole)
        kind = int(rng.integers(4))
        at = int(rng.integers(len(data) - 8))
        if kind == 0:
            for _ in range(int(rng.integers(1, 5))):
                data[int(rng.integers(len(data)))] = int(rng.integers(256))
        elif kind == 1:
            at -= at % 4
            data[at : at + 4] = (hostile[int(rng.integers(len(hostile)))] & 0xFFFFFFFF).to_bytes(4, "little")
        elif kind == 2:
            at -= at % 8
            data[at : at + 8] = hostile[int(rng.integers(len(hostile)))].to_bytes(8, "little", signed=True)
        else:
            end = at + int(rng.integers(1, 200))
            data[at:end] = b"" if rng.random() < 0.5 else data[at:end] * 2
        yield bytes(data)


def outcome(value: bytes) -> str:
    """The code of the refusal, or what happened to the rows; anything else than AstroScaleError is raised."""
    try:
        rows = raw.parse(value, {CONTENT_TYPE: ARROW})
    except AstroScaleError as error:
        return error.code
    good, _ = validate(rows.stars)
    stars = rows.stars.take(good)
    encode(stars)
    codec.raw_batch(stars)  # what passed can be written again: its texts are Unicode
    return "read"


def main(mutations: int) -> Counter[str]:
    """Every truncation of the first message, and the mutations of all, in equal parts."""
    found: Counter[str] = Counter()
    whole = seeds()
    for end in range(len(whole[0])):
        found[f"truncated_{outcome(whole[0][:end])}"] += 1
    for seed, message in enumerate(whole):
        assert outcome(message) == "read"
        for value in damaged(message, mutations // len(whole), seed):
            found[outcome(value)] += 1
    return found


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else 4_000)))
