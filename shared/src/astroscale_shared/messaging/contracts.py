"""What passes between services: Arrow schemas of the batches, pydantic models of control messages.

Additive change only inside a version: readers take the columns they know by name and ignore the others.
"""

from typing import Final

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from astroscale_shared.stars.columns import NUMERIC
from astroscale_shared.stars.encoding import ENCODING_VERSION, FEATURE_NAMES

CONTENT_TYPE: Final = "content-type"
ARROW: Final = "application/vnd.apache.arrow.stream"
JSON: Final = "application/json"
CSV_LINE: Final = "text/csv"
"""A line of a table that did not split into columns, as it was: one row, refused by whoever reads it."""

HEADER_ROWS: Final = "rows"
HEADER_RUN: Final = "run-id"

RAW_SCHEMA: Final = pa.schema(
    [
        pa.field("source_id", pa.string()),
        pa.field("survey", pa.string()),
        *(pa.field(column.name, pa.float64()) for column in NUMERIC),
    ]
)

IDENTITY: Final[tuple[pa.Field, ...]] = (
    pa.field("raw_partition", pa.int32(), nullable=False),
    pa.field("raw_offset", pa.int64(), nullable=False),
    pa.field("raw_row", pa.int32(), nullable=False),
    pa.field("origin", pa.string(), nullable=True),
    pa.field("hop", pa.int32(), nullable=False),
    pa.field("run_id", pa.string()),
    pa.field("replay_id", pa.string()),
    pa.field("source_id", pa.string()),
    pa.field("survey", pa.string()),
    pa.field("ra", pa.float64(), nullable=False),
    pa.field("dec", pa.float64(), nullable=False),
    pa.field("rv_kms", pa.float32()),
)

ENCODED_SCHEMA: Final = pa.schema(
    [
        *IDENTITY,
        pa.field("features", pa.list_(pa.field("item", pa.float32(), nullable=False), len(FEATURE_NAMES))),
        pa.field("mask", pa.uint32(), nullable=False),
        pa.field("flags", pa.uint32(), nullable=False),
    ],
    metadata={"encoding_version": str(ENCODING_VERSION)},
)

QUANTILES: Final = ("q05", "q16", "q50", "q84", "q95")

SCORE_FIELDS: Final[tuple[pa.Field, ...]] = (
    pa.field("radial_velocity_kms", pa.float32(), nullable=False),
    pa.field("predicted_z", pa.float64(), nullable=False),
    *(pa.field(q, pa.float32(), nullable=False) for q in QUANTILES),
    pa.field("tail_probability", pa.float32()),
    pa.field("flags", pa.uint32(), nullable=False),
    pa.field("model_name", pa.dictionary(pa.int32(), pa.string()), nullable=False),
    pa.field("model_version", pa.dictionary(pa.int32(), pa.string()), nullable=False),
)

PREDICTION_SCHEMA: Final = pa.schema([*IDENTITY, *SCORE_FIELDS], metadata={"encoding_version": str(ENCODING_VERSION)})

REPLY_SCHEMA: Final = pa.schema(list(SCORE_FIELDS), metadata={"encoding_version": str(ENCODING_VERSION)})

ANSWER_SCHEMA: Final = pa.schema(
    [*(field.with_nullable(True) for field in SCORE_FIELDS), pa.field("error", pa.string())],
    metadata=REPLY_SCHEMA.metadata,
)
"""What a table of stars is answered with: a row for each, in their order; of a refused star only `error`, the reason."""


class Strict(BaseModel):
    """A control message we write; unknown fields of a later writer are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class RejectedRow(Strict):
    """One refused row and why."""

    row: int
    code: str
    field: str | None = None
    value: str | None = None
    detail: str


class DeadLetter(Strict):
    """One refused message, whole: its bytes once, and the rows that were refused."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: str | None = None
    headers: dict[str, str] = {}
    origin: str
    hop: int = 0
    service: str
    service_version: str
    rows_total: int
    part: int = 0
    rejected: list[RejectedRow]
    value_base64: str
    value_packing: str = "none"
    """How the bytes under the base64 are packed: none, zlib, or cut (by an older writer: the first part only)."""
    key_base64: str | None = None
    headers_base64: dict[str, str | None] | None = None
    """Key and headers as they were; `key` and `headers` show them as text, cut to a length."""
    chunk: int = 0
    chunks: int = 1
    """A value too large for one letter goes on in the next: `value_base64` is this chunk of its packed bytes."""


class LedgerTotals(Strict):
    """Running totals of one input partition, written in the same transaction as the rows that they count."""

    service: str
    topic: str
    partition: int
    kind: str = "first"
    next_offset: int
    rows_in: int = 0
    rows_out: int = 0
    rows_rejected: int = 0
    messages: int = 0
    messages_empty: int = 0
    offsets_expired: int = 0
    """Offsets that retention took before they were read."""
    rejected_by: dict[str, int] = {}
