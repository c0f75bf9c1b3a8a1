"""Wire in -> domain -> wire out for the stream: encoded batches of one partition to predictions."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from astroscale_shared.messaging import codec, deadletters, headers, ledger, topics
from astroscale_shared.messaging.contracts import ARROW, ENCODED_SCHEMA, IDENTITY, PREDICTION_SCHEMA, RejectedRow
from astroscale_shared.messaging.transactions import Outcome, Outgoing
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.encoding import ENCODING_VERSION

from astroscale_inference import predictions
from astroscale_inference.domain.model import Model, fit
from astroscale_inference.domain.scored import ScoredRows
from astroscale_inference.domain.statistics import measure
from astroscale_inference.metrics import InferenceMetrics
from astroscale_inference.monitoring import StreamMonitor

SERVICE = "inference"
MAX_BATCH_ROWS = 8_192
"""The preprocessor writes no larger ones; what a header says of a batch that cannot be read is believed up to here."""
_PARTITIONS = next(topic.partitions for topic in topics.TABLE if topic.name == topics.PREDICTIONS)


class Score:
    """Callable for the transactions loop. `model` gives the model in service; `shadow` is handed what was committed."""

    def __init__(
        self,
        metrics: InferenceMetrics,
        model: Callable[[], Model],
        *,
        shadow: Callable[[Sequence[ScoredRows]], None] | None = None,
    ) -> None:
        self._metrics = metrics
        self._model = model
        self._shadow = shadow
        self._monitor = StreamMonitor(metrics.stream)

    def __call__(self, records: Sequence[Any], state: str) -> Outcome:
        """Score the messages of one partition with one model; what cannot be scored becomes a dead letter."""
        began = time.perf_counter()
        model = self._model()
        totals = ledger.restore(
            state, service=SERVICE, topic=records[0].topic, partition=records[0].partition, offset=records[0].offset
        )
        outgoing: list[Outgoing] = []
        scored: list[ScoredRows] = []
        reasons: Counter[str] = Counter()
        rows_in = rows_out = 0
        for record in records:
            found = headers.read(record.headers)
            made, rejected, rows = _score(record, found, model)
            rows_in += rows
            if made is not None:
                batch, of_batch = made
                rows_out += batch.num_rows
                outgoing.append(_message(batch, record.partition))
                scored.append(of_batch)
            if rejected:
                reasons.update(row.code for row in rejected)
                outgoing += deadletters.letters(
                    topics.ENCODED_DLQ, record, found, rejected, rows_total=rows, service=SERVICE
                )
        totals = ledger.advance(totals, records, rows_in=rows_in, rows_out=rows_out, rejected=reasons)
        statistics = measure(scored, model.reference) if scored else None
        elapsed = time.perf_counter() - began

        def observe() -> None:
            self._metrics.rows_in.inc(rows_in)
            self._metrics.rows_predicted.inc(rows_out)
            for code, count in reasons.items():
                self._metrics.rows_refused.labels(code).inc(count)
            self._metrics.batch_rows.observe(rows_in)
            self._metrics.batch_seconds.observe(elapsed)
            self._metrics.mismatch.inc(rows_in - rows_out - reasons.total())
            if statistics is not None:
                self._monitor.add(statistics)
            if self._shadow is not None:
                self._shadow(scored)

        return Outcome([*outgoing, ledger.record(totals)], ledger.store(totals), observe)


def _score(
    record: Any, found: dict[str, str], model: Model
) -> tuple[tuple[pa.RecordBatch, ScoredRows] | None, list[RejectedRow], int]:
    """(predictions and what they are made of, refused rows, rows in all) of one encoded batch; an unreadable one is one
    row."""
    try:
        batch = _open(record.value or b"")
    except AstroScaleError as error:
        rows = min(max(1, headers.whole_number(found.get("rows"), 1)), MAX_BATCH_ROWS)
        return None, [RejectedRow(row=i, code=error.code, detail=error.message) for i in range(rows)], rows
    features = codec.features(batch)
    scores = model.score(features)
    good, problem = fit(scores)
    rejected = [
        RejectedRow(row=int(row), code="not_finite_prediction", detail=problem) for row in np.flatnonzero(~good)
    ]
    measured = codec.floats(batch.column("rv_kms"))
    flags = batch.column("flags").to_numpy()
    made = {name: batch.column(name) for name in (f.name for f in IDENTITY)}
    made |= predictions.columns(model, scores, flags=flags, measured=measured)
    whole = pa.RecordBatch.from_arrays([made[name] for name in PREDICTION_SCHEMA.names], schema=PREDICTION_SCHEMA)
    scored = ScoredRows(features, flags, measured, codec.floats(made["tail_probability"]), scores)
    if rejected:
        whole, scored = whole.filter(pa.array(good)), scored.take(good)
    return (whole, scored), rejected, batch.num_rows


def _open(value: bytes) -> pa.RecordBatch:
    batch = codec.from_trusted(value)
    said = (batch.schema.metadata or {}).get(b"encoding_version", b"none").decode("ascii", "replace")
    if said != str(ENCODING_VERSION):
        raise AstroScaleError("wrong_encoding", f"encoding version is {said}; allowed is {ENCODING_VERSION}")
    kinds = dict(zip(batch.schema.names, batch.schema.types, strict=True))
    wrong = sorted(f.name for f in ENCODED_SCHEMA if kinds.get(f.name) != f.type)
    if wrong:
        raise AstroScaleError("wrong_columns", f"not the columns of an encoded batch: {', '.join(wrong)}")
    return batch


def _message(batch: pa.RecordBatch, partition: int) -> Outgoing:
    return Outgoing(
        topics.PREDICTIONS,
        codec.to_bytes(batch),
        headers=headers.write(content_type=ARROW, rows=batch.num_rows),
        partition=partition % _PARTITIONS,
    )
