"""Writes golden messages under tests/contract/golden: `python -m tests.support.golden`.

A file that is there is never written again: it stands for what a service of an earlier version left on a topic.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
from astroscale_inference.domain.model import load
from astroscale_inference.handlers import Score
from astroscale_inference.metrics import InferenceMetrics
from astroscale_inference.requests import AnswerRequests
from astroscale_ingestor.progress import Progress
from astroscale_preprocessor.handlers import Encode
from astroscale_preprocessor.metrics import PreprocessorMetrics
from astroscale_shared.messaging import codec, headers, provenance, topics
from astroscale_shared.messaging.contracts import ARROW
from astroscale_shared.messaging.outcome import Outcome, Outgoing
from astroscale_shared.messaging.provenance import Provenance
from astroscale_shared.registry import ModelAnnouncement
from astroscale_shared.stars.observations import Observations, from_columns

from tests.support.graphs import card, graph
from tests.support.stars import SUN_LIKE, Record

FOLDER = Path(__file__).parents[1] / "contract" / "golden"

STARS: list[dict[str, float | str | None]] = [
    {**SUN_LIKE, "source_id": "sun-like", "survey": "TEST", "rv_kms": 12.5},
    {"ra": 10.5, "dec": -20.25, "parallax": 33.0, "pmra": 120.5, "pmdec": -88.25, "source_id": "bright"},
    {"ra": 359.75, "dec": 90.0, "teff": 4_200.0, "logg": 1.5, "fe_h": -2.75, "snr": 60.0, "parallax": -0.25},
]
BAD = {"ra": 1.0, "dec": 91.0}


def observations() -> Observations:
    """STARS, in columns."""
    names = ["ra", "dec", "teff", "logg", "fe_h", "snr", "parallax", "pmra", "pmdec", "rv_kms"]
    numbers = {n: np.array([np.nan if (v := s.get(n)) is None else float(v) for s in STARS]) for n in names}
    text = {n: np.array([s.get(n) for s in STARS], dtype=np.object_) for n in ("source_id", "survey")}
    return from_columns(numbers, source_id=text["source_id"], survey=text["survey"])


def files() -> Iterator[tuple[str, bytes]]:
    """Name and content of each golden file, as today's code writes it."""
    raw_arrow = codec.to_bytes(codec.raw_batch(observations()))
    yield "raw_object.json", orjson.dumps(STARS[0])
    yield "raw_array.json", orjson.dumps(STARS)
    yield "raw_lines.jsonl", b"".join(orjson.dumps(star) + b"\n" for star in STARS)
    yield "raw.arrow", raw_arrow

    found = headers.write(content_type=ARROW, rows=len(STARS), run_id="0123456789abcdef")
    refused = Record(orjson.dumps([*STARS, BAD]), [("x", b"\xff")], offset=7, partition=1, key=b"k")
    encoding = Encode(PreprocessorMetrics(), batch_size=1024)(
        [Record(raw_arrow, found, offset=6, partition=1), refused], ""
    )
    encoded = only(encoding, topics.ENCODED)
    yield "encoded.arrow", encoded.value
    yield "dead_letter.json", only(encoding, topics.RAW_DLQ).value
    yield "ledger_totals.json", only(encoding, topics.LEDGER).value

    again = provenance.write(Provenance(provenance.position(topics.RAW, 1, 7), hop=1, rows=provenance.runs((3,))))
    redriving = Encode(PreprocessorMetrics(), batch_size=1024)(
        [Record(refused.value, [*refused.headers, *again], offset=8, partition=1, key=b"k")], encoding.state
    )
    yield "dead_letter_redriven.json", only(redriving, topics.RAW_DLQ).value
    yield "offset_metadata.json", redriving.state.encode()

    model = load(graph(bias=30.0), card(), name="default", version="a" * 12, sha256="0" * 64)
    scoring = Score(InferenceMetrics(), lambda: model)(
        [Record(encoded.value, encoded.headers, topic=topics.ENCODED, partition=1)], ""
    )
    yield "prediction.arrow", only(scoring, topics.PREDICTIONS).value

    asked = headers.write(
        correlation_id="0123456789abcdef0123456789abcdef",
        reply_partition=5,
        deadline_ms=4_102_444_800_000,
        kind="predict",
    )
    answer = AnswerRequests(lambda: model, slot="default", max_rows=100, reply_partitions=16)
    yield "reply.arrow", answer([Record(raw_arrow, asked)])[0].value
    yield "reply_error.json", answer([Record(b"", asked)])[0].value
    yield (
        "headers.json",
        pretty(
            {
                "raw": dict(headers.read(found)),
                "encoded": dict(headers.read(encoded.headers)),
                "request": dict(headers.read(asked)),
                "reply": {"correlation-id": "0123456789abcdef0123456789abcdef", "status": "ok"},
            }
        ),
    )
    yield (
        "model_announcement.json",
        ModelAnnouncement.model_validate(
            {
                "slot": "default",
                "name": "federated-a",
                "version": "a" * 12,
                "sha256": "a" * 64,
                "address": f"federated-a/{'a' * 12}",
                "encoding_version": 1,
                "published_at": "2025-01-02T03:04:05Z",
            }
        ).to_bytes(),
    )
    yield (
        "model_announcement_with_past.json",
        ModelAnnouncement.model_validate(
            {
                "slot": "default",
                "name": "federated-a",
                "version": "a" * 12,
                "sha256": "a" * 64,
                "address": f"federated-a/{'a' * 12}",
                "encoding_version": 1,
                "published_at": "2025-01-02T03:04:05Z",
                "previous": [
                    {"name": "federated-a", "version": "b" * 12, "sha256": "b" * 64},
                    {"name": "default", "version": "c" * 12, "sha256": "c" * 64},
                ],
            }
        ).to_bytes(),
    )
    yield (
        "ingest_progress.json",
        Progress(
            run_id="0123456789abcdef",
            file="stars.csv",
            chunks=8,
            rows=49_152,
            messages=8,
            digest="0" * 64,
            mapping="dec=dec,ra=ra",
            started_at="2025-01-02T03:04:05+00:00",
            updated_at="2025-01-02T03:04:06+00:00",
        )
        .model_dump_json()
        .encode(),
    )


def only(outcome: Outcome, topic: str) -> Outgoing:
    """The one message of a topic, or its first part."""
    return next(out for out in outcome.outgoing if out.topic == topic)


def pretty(value: object) -> bytes:
    """JSON that a person can compare."""
    return json.dumps(value, indent=2).encode() + b"\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, content in files():
        if not (FOLDER / name).exists():
            (FOLDER / name).write_bytes(content)
            print("wrote", name)
