"""Stars to measure with: like the training tables in their ranges, a third with proper motions, some with a velocity."""

from dataclasses import replace

import numpy as np
import orjson
import pyarrow as pa
from astroscale_ingestor.ingest import CHUNK_ROWS
from astroscale_preprocessor.handlers import Encode
from astroscale_preprocessor.metrics import PreprocessorMetrics
from astroscale_shared.messaging import codec, headers, topics
from astroscale_shared.messaging.contracts import ARROW, JSON
from astroscale_shared.messaging.transactions import Outgoing
from astroscale_shared.stars.columns import FEATURES
from astroscale_shared.stars.observations import Observations, from_columns

from tests.support.stars import Record


def stars(n: int, seed: int) -> Observations:
    """n stars that all pass validation, numbers as a catalogue has them (not all digits of a float)."""
    rng = np.random.default_rng(seed)
    columns = {
        "ra": rng.uniform(0, 360, n).round(8),
        "dec": np.rad2deg(np.arcsin(rng.uniform(-1, 1, n))).round(8),
        "teff": rng.normal(5_200, 700, n).clip(3_500, 8_000).round(1),
        "logg": rng.uniform(0.5, 5, n).round(3),
        "fe_h": rng.normal(-0.3, 0.4, n).clip(-3, 0.6).round(3),
        "snr": rng.lognormal(4, 0.8, n).round(2),
        "parallax": rng.lognormal(0, 1, n).round(4),
        "pmra": rng.normal(0, 20, n).round(3),
        "pmdec": rng.normal(0, 20, n).round(3),
        "rv_kms": rng.normal(0, 40, n).round(2),
    }
    for name, share in (("pmra", 0.67), ("pmdec", 0.67), ("rv_kms", 0.8), ("fe_h", 0.05)):
        columns[name][: int(share * n)] = np.nan
    ids = np.array([str(4_000_000_000_000_000_000 + seed * 10_000_000 + i) for i in range(n)], dtype=np.object_)
    survey = np.full(n, "gaia_lamost", dtype=np.object_)
    order = rng.permutation(n)
    return from_columns(columns, source_id=ids, survey=survey).take(order)


def raw_arrow(topic: str, n: int, *, distinct: int = 12) -> list[Outgoing]:
    """Messages of the ingestor's size, n stars together; `distinct` different ones, over and over."""
    made = [codec.to_bytes(codec.raw_batch(stars(min(CHUNK_ROWS, n), seed))) for seed in range(distinct)]
    said = headers.write(content_type=ARROW, rows=min(CHUNK_ROWS, n), run_id="bench")
    return [Outgoing(topic, made[i % distinct], headers=said, partition=i % 4) for i in range(max(1, n // CHUNK_ROWS))]


def encoded(n: int, *, batch_size: int, distinct: int = 12) -> list[Outgoing]:
    """Encoded batches as the preprocessor makes them of `raw_arrow`, n stars together, with the ledger left out."""
    raw = raw_arrow(topics.RAW, min(n, distinct * CHUNK_ROWS), distinct=distinct)
    records = [Record(out.value, out.headers, offset=i, partition=0) for i, out in enumerate(raw)]
    outcome = Encode(PreprocessorMetrics(), batch_size=batch_size)(records, "")
    made = [out for out in outcome.outgoing if out.topic == topics.ENCODED]
    found: list[Outgoing] = []
    rows = 0
    while rows < n:
        out = made[len(found) % len(made)]
        found.append(replace(out, partition=len(found) % 4))
        rows += int(dict(out.headers)["rows"])
    return found


def star_json(n: int, seed: int = 1) -> list[bytes]:
    """Single stars as a foreign producer writes them: the seven features and an identifier."""
    found = stars(n, seed)
    columns = {column.name: found.numeric[column.name].tolist() for column in FEATURES}
    return [
        orjson.dumps({"source_id": found.source_id[i], **{name: columns[name][i] for name in columns}})
        for i in range(n)
    ]


def raw_json(topic: str, n: int, *, distinct: int = 5_000) -> list[Outgoing]:
    """n messages of one star each."""
    made = star_json(min(distinct, n))
    said = headers.write(content_type=JSON)
    return [Outgoing(topic, made[i % len(made)], headers=said, partition=i % 4) for i in range(n)]


def table(n: int, *, distinct: int = 500_000) -> pa.Table:
    """n stars as a table for a file."""
    parts = [codec.raw_batch(stars(min(distinct, n), seed)) for seed in range(max(1, n // distinct))]
    return pa.Table.from_batches(parts)
