"""Wire in -> domain -> wire out: raw messages of one partition to encoded batches and dead letters."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from astroscale_shared.messaging import codec, deadletters, headers, ledger, raw, topics
from astroscale_shared.messaging.contracts import ARROW, ENCODED_SCHEMA, HEADER_RUN, RejectedRow
from astroscale_shared.messaging.transactions import Outcome, Outgoing
from astroscale_shared.runtime.errors import AstroScaleError

from astroscale_preprocessor.domain.encoding import Accepted, Block, accept, encode_block
from astroscale_preprocessor.metrics import PreprocessorMetrics

SERVICE = "preprocessor"
_PARTITIONS = next(topic.partitions for topic in topics.TABLE if topic.name == topics.ENCODED)


class Encode:
    """Callable for the transactions loop. batch_size: rows of an encoded batch at most."""

    def __init__(self, metrics: PreprocessorMetrics, *, batch_size: int) -> None:
        self._metrics = metrics
        self._batch_size = batch_size

    def __call__(self, records: Sequence[Any], state: str) -> Outcome:
        """Encode the messages of one partition; what cannot be read or is not allowed becomes a dead letter."""
        began = time.perf_counter()
        partition: int = records[0].partition
        totals = ledger.restore(
            state, service=SERVICE, topic=records[0].topic, partition=partition, offset=records[0].offset
        )
        accepted: list[Accepted] = []
        letters: list[Outgoing] = []
        reasons: Counter[str] = Counter()
        rows_in = unknown = empty = 0
        for record in records:
            found = headers.read(record.headers)
            part, rejected, rows, unknown_here = _open(record, found)
            rows_in += rows
            unknown += unknown_here
            empty += rows == 0
            if part is not None and len(part.rows):
                accepted.append(part)
            if rejected:
                reasons.update(row.code for row in rejected)
                letters += deadletters.letters(
                    topics.RAW_DLQ, record, found, rejected, rows_total=rows, service=SERVICE
                )
        block = encode_block(accepted) if accepted else None
        batches = _batches(block, partition, self._batch_size) if block is not None else []
        rows_out = sum(batch.num_rows for batch in batches)
        totals = ledger.advance(totals, records, rows_in=rows_in, rows_out=rows_out, rejected=reasons, empty=empty)
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

        encoded = [_message(batch, partition) for batch in batches]
        return Outcome([*encoded, *letters, ledger.record(totals)], ledger.store(totals), observe)


def _open(record: Any, found: dict[str, str]) -> tuple[Accepted | None, list[RejectedRow], int, int]:
    """(accepted rows, refused rows, rows in all, unknown fields) of one message; an unreadable one is one row."""
    try:
        rows = raw.parse(record.value, found)
    except AstroScaleError as error:
        return None, [RejectedRow(row=0, code=error.code, detail=error.message)], 1, 0
    part, rejections = accept(rows.stars, [r.row for r in rows.refused], offset=record.offset, run_id=_run_id(found))
    refused = rows.refused + [
        RejectedRow(row=r.row, code=r.code, field=r.field, value=r.value, detail=r.detail) for r in rejections
    ]
    return part, sorted(refused, key=lambda row: row.row), len(rows.stars), rows.unknown_fields


def _run_id(found: dict[str, str]) -> str | None:
    # It is repeated in each row: a header is no place to unfold a message from.
    run_id = found.get(HEADER_RUN)
    return None if run_id is None else run_id[: raw.MAX_TEXT]


def _batches(block: Block, partition: int, batch_size: int) -> list[pa.RecordBatch]:
    n = len(block.rows)
    stars, encoded = block.stars, block.encoded
    flat = pa.array(encoded.features.reshape(-1), type=pa.float32())
    columns: dict[str, pa.Array] = {
        "raw_partition": pa.array(np.full(n, partition, dtype=np.int32)),
        "raw_offset": pa.array(block.offsets),
        "raw_row": pa.array(block.rows),
        "origin": pa.nulls(n, pa.string()),
        "hop": pa.array(np.zeros(n, dtype=np.int32)),
        "run_id": pa.array(block.run_ids, type=pa.string()),
        "replay_id": pa.nulls(n, pa.string()),
        "source_id": pa.array(stars.source_id, type=pa.string()),
        "survey": pa.array(stars.survey, type=pa.string()),
        "ra": pa.array(stars.numeric["ra"]),
        "dec": pa.array(stars.numeric["dec"]),
        "rv_kms": codec.nullable(stars.numeric["rv_kms"].astype(np.float32), pa.float32()),
        "features": pa.FixedSizeListArray.from_arrays(flat, type=ENCODED_SCHEMA.field("features").type),
        "mask": pa.array(encoded.mask),
        "flags": pa.array(encoded.flags),
    }
    whole = pa.RecordBatch.from_arrays([columns[name] for name in ENCODED_SCHEMA.names], schema=ENCODED_SCHEMA)
    return [whole.slice(start, batch_size) for start in range(0, n, batch_size)]


def _message(batch: pa.RecordBatch, partition: int) -> Outgoing:
    return Outgoing(
        topics.ENCODED,
        codec.to_bytes(batch),
        headers=headers.write(content_type=ARROW, rows=batch.num_rows),
        partition=partition % _PARTITIONS,
    )
