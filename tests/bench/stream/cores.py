"""Figures without a broker: columns to tensor, beside a plain numpy sketch, and the tensor out of the wire's bytes."""

import time
from collections.abc import Callable

import numpy as np
from aiokafka import codec as codecs
from astroscale_preprocessor.settings import PreprocessorSettings
from astroscale_shared.messaging import codec
from astroscale_shared.messaging.contracts import ENCODED_SCHEMA
from astroscale_shared.stars.encoding import encode
from astroscale_shared.stars.observations import Observations, validate
from numpy.typing import NDArray

from tests.bench.report import Row
from tests.bench.stream import samples

ROWS = 500_000


def sketch(stars: Observations) -> NDArray[np.float32]:
    """What anyone would write in a minute: scaled inputs, a unit vector, a distance; no flags, no rotation to the
    Galaxy's axes, no proper motions turned."""
    c = stars.numeric
    ra, dec = np.deg2rad(c["ra"]), np.deg2rad(c["dec"])
    cos_dec = np.cos(dec)
    distance = 1.0 / np.maximum(c["parallax"], 0.05)
    columns = [
        (c["ra"] - 180.0) / 180.0, c["dec"] / 90.0, (c["teff"] - 5000.0) / 1000.0, (c["logg"] - 3.0) / 1.5,
        (c["fe_h"] + 0.3) / 0.5, np.log10(c["snr"] + 1.0), np.arcsinh(c["parallax"]), c["pmra"] / 10.0,
        c["pmdec"] / 10.0, cos_dec * np.cos(ra), cos_dec * np.sin(ra), np.sin(dec), np.log10(distance),
    ]  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float32)


def rate(work: Callable[[], object], rows: int) -> float:
    """Rows a second of the thread's own time, so that a busy machine does not count."""
    began = time.thread_time()
    work()
    return rows / (time.thread_time() - began)


def measure(repeats: int, rows: int = ROWS) -> list[Row]:
    """Both rows."""
    stars = samples.stars(rows, 1)
    size = PreprocessorSettings().batch_size
    wire = [out.value for out in samples.encoded(rows, batch_size=size)]
    encoded: list[float] = []
    validated: list[float] = []
    plain: list[float] = []
    decoded: list[float] = []
    copies: list[float] = []

    def decode() -> None:
        for value in wire:
            batch = codec.from_trusted(value)
            assert batch.schema.equals(ENCODED_SCHEMA)
            codec.features(batch)

    def copy() -> None:
        for value in wire:
            bytearray(value)

    packers = {"zstd": codecs.zstd_encode, "lz4": codecs.lz4_encode, "snappy": codecs.snappy_encode}
    packing: dict[str, list[float]] = {kind: [] for kind in packers}
    packed: dict[str, float] = {}

    def pack(kind: str) -> None:
        packed[kind] = sum(len(packers[kind](value)) for value in wire) / sum(map(len, wire))

    for warm_up in (lambda: encode(stars), lambda: sketch(stars), decode, copy):
        warm_up()
    for _ in range(repeats):
        encoded.append(rate(lambda: encode(stars), rows))
        plain.append(rate(lambda: sketch(stars), rows))
        validated.append(rate(lambda: validate(stars), rows))
        decoded.append(rate(decode, rows))
        copies.append(rate(copy, rows))
        for kind, figures in packing.items():
            figures.append(rate(lambda kind=kind: pack(kind), rows))
    note = f"{rows:,} stars, a third with proper motions; time of the thread"
    return [
        Row(
            "encode columns -> tensor, one core", "stars/s", encoded, "numpy sketch, less in it", plain,
            value_at_least=3e6, note=note,
        ),
        Row("validate columns, one core", "stars/s", validated, "numpy sketch, less in it", plain),
        Row(
            "decode an encoded batch, one core", "stars/s", decoded, "copying its bytes", copies,
            value_at_least=50e6, note=f"batches of {size:,}",
        ),
        *(
            Row(
                f"compress encoded batches, {kind}", "stars/s", packing[kind], "lz4", packing["lz4"],
                note=f"to {packed[kind]:.2f} of their bytes; lz4 to {packed['lz4']:.2f}",
            )
            for kind in ("zstd", "snappy")
        ),
    ]  # fmt: skip
