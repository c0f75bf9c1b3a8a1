"""Wire in -> domain -> wire out: raw messages of one partition to encoded batches and dead letters."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from astroscale_shared.messaging import batches, codec, deadletters, headers, ledger, provenance, raw, topics
from astroscale_shared.messaging.contracts import ENCODED_SCHEMA, HEADER_RUN, RejectedRow
from astroscale_shared.messaging.ledger import Counts
from astroscale_shared.messaging.outcome import Outcome, Outgoing
from astroscale_shared.messaging.provenance import FIRST, Kind
from astroscale_shared.runtime.errors import AstroScaleError

from astroscale_preprocessor.domain.encoding import Accepted, Block, Source, accept, encode_block
from astroscale_preprocessor.metrics import PreprocessorMetrics

SERVICE = "preprocessor"
_PARTITIONS = next(topic.partitions for topic in topics.TABLE if topic.name == topics.ENCODED)


class Encode:
    """Callable for the transactions loop. batch_size: rows of an encoded batch at most."""

    def __init__(self, metrics: PreprocessorMetrics, *, batch_size: int) -> None:
        self._metrics = metrics
        self._batch_size = batch_size

    def __call__(self, records: Sequence[Any], state: str, expired: int = 0, /) -> Outcome:
        """Encode the messages of one partition; what cannot be read or is not allowed becomes a dead letter."""
        began = time.perf_counter()
        partition: int = records[0].partition
        totals = ledger.restore(
            state, service=SERVICE, topic=records[0].topic, partition=partition, offset=records[0].offset
        )
        accepted: list[Accepted] = []
        letters: list[Outgoing] = []
        counts: defaultdict[Kind, Counts] = defaultdict(Counts)
        unknown = 0
        for record in records:
            found = headers.read(record.headers)
            opened = _open(record, found)
            of_kind = counts[opened.kind]
            of_kind.messages += 1
            of_kind.rows_in += opened.rows
            of_kind.empty += opened.rows == 0
            unknown += opened.unknown_fields
            if opened.accepted is not None and len(opened.accepted.rows):
                accepted.append(opened.accepted)
                of_kind.rows_out += len(opened.accepted.rows)
            if opened.rejected:
                of_kind.rejected.update(row.code for row in opened.rejected)
                letters += deadletters.letters(
                    topics.RAW_DLQ, record, found, opened.rejected, rows_total=opened.rows_total, service=SERVICE
                )
        sent = list(_messages(encode_block(accepted), partition, self._batch_size)) if accepted else []
        totals = ledger.advance(totals, records[-1].offset + 1, counts, expired)
        rows_in = sum(of_kind.rows_in for of_kind in counts.values())
        rows_out = sum(rows for _, rows in sent)
        reasons = sum((of_kind.rejected for of_kind in counts.values()), Counter[str]())
        elapsed = time.perf_counter() - began

        def observe() -> None:
            self._metrics.rows_in.inc(rows_in)
            self._metrics.rows_encoded.inc(rows_out)
            self._metrics.unknown_fields.inc(unknown)
            for code, count in reasons.items():
                self._metrics.rows_rejected.labels(code).inc(count)
            self._metrics.batch_rows.observe(rows_in)
            self._metrics.batch_seconds.observe(elapsed)
            self._metrics.mismatch.inc(rows_in - rows_out - reasons.total())

        outgoing = [*(message for message, _ in sent), *letters, *ledger.records(totals)]
        return Outcome(outgoing, ledger.store(totals), observe)


@dataclass(frozen=True, slots=True)
class _Opened:
    """One message, read. rows: those that are meant; rows_total: all that it has. An unreadable message is one row."""

    kind: Kind
    accepted: Accepted | None
    rejected: list[RejectedRow]
    rows: int = 1
    rows_total: int = 1
    unknown_fields: int = 0


def _open(record: Any, found: dict[str, str]) -> _Opened:
    of = FIRST
    try:
        of = provenance.read(found)
        rows = raw.parse(record.value, found)
    except AstroScaleError as error:
        return _Opened(of.kind, None, [RejectedRow(row=0, code=error.code, detail=error.message)])
    total = len(rows.stars)
    named = None if of.rows is None else of.named(total)
    part, rejections = accept(
        rows.stars,
        [r.row for r in rows.refused],
        Source(record.offset, _run_id(found), of.origin, of.hop, of.replay_id),
        named=named,
    )
    refused = [row for row in rows.refused if named is None or named[row.row]] + [
        RejectedRow(row=r.row, code=r.code, field=r.field, value=r.value, detail=r.detail) for r in rejections
    ]
    return _Opened(
        of.kind,
        part,
        sorted(refused, key=lambda row: row.row),
        total if named is None else int(named.sum()),
        total,
        rows.unknown_fields,
    )


def _run_id(found: dict[str, str]) -> str | None:
    # It is repeated in each row: a header is no place to unfold a message from.
    run_id = found.get(HEADER_RUN)
    return None if run_id is None else run_id[: raw.MAX_TEXT]


def _messages(block: Block, partition: int, batch_size: int) -> Iterator[tuple[Outgoing, int]]:
    """Each message and its rows."""
    whole = _batch(block, partition)
    for start in range(0, whole.num_rows, batch_size):
        yield from batches.messages(topics.ENCODED, whole.slice(start, batch_size), partition % _PARTITIONS)


def _batch(block: Block, partition: int) -> pa.RecordBatch:
    n = len(block.rows)
    stars, encoded, sources = block.stars, block.encoded, block.sources
    flat = pa.array(encoded.features.reshape(-1), type=pa.float32())
    place = pa.array(block.source)
    columns: dict[str, pa.Array] = {
        "raw_partition": pa.array(np.full(n, partition, dtype=np.int32)),
        "raw_offset": pa.array([source.offset for source in sources], type=pa.int64()).take(place),
        "raw_row": pa.array(block.rows),
        "origin": pa.array([source.origin for source in sources], type=pa.string()).take(place),
        "hop": pa.array([source.hop for source in sources], type=pa.int32()).take(place),
        "run_id": pa.array([source.run_id for source in sources], type=pa.string()).take(place),
        "replay_id": pa.array([source.replay_id for source in sources], type=pa.string()).take(place),
        "source_id": pa.array(stars.source_id, type=pa.string()),
        "survey": pa.array(stars.survey, type=pa.string()),
        "ra": pa.array(stars.numeric["ra"]),
        "dec": pa.array(stars.numeric["dec"]),
        "rv_kms": codec.nullable(stars.numeric["rv_kms"].astype(np.float32), pa.float32()),
        "features": pa.FixedSizeListArray.from_arrays(flat, type=ENCODED_SCHEMA.field("features").type),
        "mask": pa.array(encoded.mask),
        "flags": pa.array(encoded.flags),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in ENCODED_SCHEMA.names], schema=ENCODED_SCHEMA)
