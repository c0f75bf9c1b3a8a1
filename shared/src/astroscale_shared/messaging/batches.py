"""Record batches as messages of a topic that the broker takes."""

from collections.abc import Iterator

import pyarrow as pa

from astroscale_shared.messaging import codec, headers
from astroscale_shared.messaging.contracts import ARROW
from astroscale_shared.messaging.outcome import Outgoing
from astroscale_shared.messaging.topics import MAX_MESSAGE_BYTES


def messages(topic: str, batch: pa.RecordBatch, partition: int | None = None) -> Iterator[tuple[Outgoing, int]]:
    """The batch as messages, each with its rows: one, or as many as the broker's limit asks for.

    Rows are bounded by whoever makes the batch, but their texts may be long, and may not compress: what the broker
    refuses would stop the partition for ever. One row always fits.
    """
    value = codec.to_bytes(batch)
    if len(value) > MAX_MESSAGE_BYTES and batch.num_rows > 1:
        half = batch.num_rows // 2
        for part in (batch.slice(0, half), batch.slice(half)):
            yield from messages(topic, part, partition)
        return
    sent = headers.write(content_type=ARROW, rows=batch.num_rows)
    yield Outgoing(topic, value, headers=sent, partition=partition), batch.num_rows
