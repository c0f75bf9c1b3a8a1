"""Wire in -> domain -> wire out for the stream: encoded batches of one partition to predictions."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from astroscale_shared.messaging import batches, codec, damaged, deadletters, headers, ledger, provenance, topics
from astroscale_shared.messaging.contracts import ENCODED_SCHEMA, IDENTITY, PREDICTION_SCHEMA, RejectedRow
from astroscale_shared.messaging.ledger import Counts
from astroscale_shared.messaging.outcome import Outcome, Outgoing
from astroscale_shared.messaging.provenance import FIRST, Kind
from astroscale_shared.messaging.reasons import Reason
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

    def __call__(self, records: Sequence[Any], state: str, expired: int = 0, /) -> Outcome:
        """Score the messages of one partition with one model; what cannot be scored becomes a dead letter."""
        began = time.perf_counter()
        model = self._model()
        totals = ledger.restore(
            state, service=SERVICE, topic=records[0].topic, partition=records[0].partition, offset=records[0].offset
        )
        outgoing: list[Outgoing] = []
        scored: list[ScoredRows] = []
        counts: defaultdict[Kind, Counts] = defaultdict(Counts)
        for record in records:
            found = headers.read(record.headers)
            made = _score(record, found, model)
            of_kind = counts[made.kind]
            of_kind.messages += 1
            of_kind.rows_in += made.rows
            of_kind.empty += made.rows == 0
            if made.scored is not None:
                batch, of_batch = made.scored
                for message, rows in batches.messages(topics.PREDICTIONS, batch, record.partition % _PARTITIONS):
                    of_kind.rows_out += rows
                    outgoing.append(message)
                scored.append(of_batch)
            if made.rejected:
                of_kind.rejected.update(row.code for row in made.rejected)
                outgoing += deadletters.letters(
                    topics.ENCODED_DLQ, record, found, made.rejected, rows_total=made.rows_total, service=SERVICE
                )
        totals = ledger.advance(totals, records[-1].offset + 1, counts, expired)
        rows_in = sum(of_kind.rows_in for of_kind in counts.values())
        rows_out = sum(of_kind.rows_out for of_kind in counts.values())
        reasons = sum((of_kind.rejected for of_kind in counts.values()), Counter[str]())
        statistics = measure(scored, model.reference) if scored else None
        elapsed = time.perf_counter() - began

        def observe() -> None:
            self._metrics.offsets_expired.inc(expired)
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

        return Outcome([*outgoing, *ledger.records(totals)], ledger.store(totals), observe)


@dataclass(frozen=True, slots=True)
class _Scored:
    """What became of one encoded message. rows: those that are meant; rows_total: all that it has."""

    kind: Kind
    scored: tuple[pa.RecordBatch, ScoredRows] | None
    rejected: list[RejectedRow]
    rows: int
    rows_total: int


def _score(record: Any, found: dict[str, str], model: Model) -> _Scored:
    try:
        of = provenance.read(found)
    except AstroScaleError as error:
        return _Scored(FIRST.kind, None, [RejectedRow(row=0, code=error.code, detail=error.message)], 1, 1)
    try:
        damaged.check(record)
        batch = _open(record.value or b"")
    except AstroScaleError as error:
        total = min(max(1, headers.whole_number(found.get("rows"), 1)), MAX_BATCH_ROWS)
        meant = np.flatnonzero(of.named(total)).tolist()
        refused = [RejectedRow(row=row, code=error.code, detail=error.message) for row in meant]
        return _Scored(of.kind, None, refused, len(meant), total)
    total, meant = batch.num_rows, np.flatnonzero(of.named(batch.num_rows))
    if len(meant) < total:
        batch = batch.take(pa.array(meant))
    features = codec.features(batch)
    scores = model.score(features)
    good, problem = fit(scores)
    rejected = [
        RejectedRow(row=int(meant[row]), code=Reason.NOT_FINITE_PREDICTION, detail=problem)
        for row in np.flatnonzero(~good)
    ]
    measured = codec.floats(batch.column("rv_kms"))
    flags = batch.column("flags").to_numpy()
    made = {name: batch.column(name) for name in (f.name for f in IDENTITY)}
    if of.replay_id is not None:
        made["replay_id"] = pa.repeat(of.replay_id, batch.num_rows)
    made |= predictions.columns(model, scores, flags=flags, measured=measured)
    whole = pa.RecordBatch.from_arrays([made[name] for name in PREDICTION_SCHEMA.names], schema=PREDICTION_SCHEMA)
    scored = ScoredRows(features, flags, measured, codec.floats(made["tail_probability"]), scores)
    if rejected:
        whole, scored = whole.filter(pa.array(good)), scored.take(good)
    return _Scored(of.kind, (whole, scored), rejected, len(meant), total)


def _open(value: bytes) -> pa.RecordBatch:
    batch = codec.from_trusted(value)
    said = (batch.schema.metadata or {}).get(b"encoding_version", b"none").decode("ascii", "replace")
    if said != str(ENCODING_VERSION):
        raise AstroScaleError(Reason.WRONG_ENCODING, f"encoding version is {said}; allowed is {ENCODING_VERSION}")
    kinds = dict(zip(batch.schema.names, batch.schema.types, strict=True))
    wrong = sorted(f.name for f in ENCODED_SCHEMA if kinds.get(f.name) != f.type)
    if wrong:
        raise AstroScaleError(Reason.WRONG_COLUMNS, f"not the columns of an encoded batch: {', '.join(wrong)}")
    return batch
