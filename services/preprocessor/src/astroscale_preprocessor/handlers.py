"""Wire in -> domain -> wire out: raw messages of one partition to encoded batches and dead letters."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from astroscale_shared.messaging import batches, codec, deadletters, ledger, topics
from astroscale_shared.messaging.contracts import ENCODED_SCHEMA
from astroscale_shared.messaging.outcome import Outcome, Outgoing

from astroscale_preprocessor.domain.encoding import Block, encode_block
from astroscale_preprocessor.metrics import PreprocessorMetrics
from astroscale_preprocessor.opening import open_all

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
        opened = open_all(records)
        letters = [
            letter
            for refused in opened.refused
            for letter in deadletters.letters(
                topics.RAW_DLQ,
                refused.record,
                refused.headers,
                refused.rows,
                rows_total=refused.rows_total,
                service=SERVICE,
            )
        ]
        sent = list(_messages(encode_block(opened.accepted), partition, self._batch_size)) if opened.accepted else []
        totals = ledger.advance(totals, records[-1].offset + 1, opened.counts, expired)
        rows_in = sum(of_kind.rows_in for of_kind in opened.counts.values())
        rows_out = sum(rows for _, rows in sent)
        reasons = sum((of_kind.rejected for of_kind in opened.counts.values()), Counter[str]())
        elapsed = time.perf_counter() - began

        def observe() -> None:
            self._metrics.offsets_expired.inc(expired)
            self._metrics.rows_in.inc(rows_in)
            self._metrics.rows_encoded.inc(rows_out)
            self._metrics.unknown_fields.inc(opened.unknown_fields)
            for code, count in reasons.items():
                self._metrics.rows_rejected.labels(code).inc(count)
            self._metrics.batch_rows.observe(rows_in)
            self._metrics.batch_seconds.observe(elapsed)
            self._metrics.mismatch.inc(rows_in - rows_out - reasons.total())

        outgoing = [*(message for message, _ in sent), *letters, *ledger.records(totals)]
        return Outcome(outgoing, ledger.store(totals), observe)


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
