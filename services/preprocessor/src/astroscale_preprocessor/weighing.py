"""What a raw message weighs while it is processed: as it is, or as large as an Arrow stream says that it will unfold."""

import struct
from typing import Any

import pyarrow as pa
from astroscale_shared.messaging import arrow_sizes
from astroscale_shared.messaging.contracts import ARROW


def weigh(record: Any) -> int:
    """Bytes; of what is no Arrow stream although it says so, those that it has."""
    value: bytes = record.value or b""
    if not any(said is not None and said.startswith(ARROW.encode()) for _, said in record.headers):
        return len(value)
    try:
        return max(len(value), arrow_sizes.declared(value).decoded_bytes)
    except (pa.ArrowException, struct.error, OverflowError, OSError, ValueError):
        return len(value)
