"""Tables as bytes: a caller's Arrow stream in and out, and the messages to inference and its replies."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from astroscale_shared.messaging import codec
from astroscale_shared.messaging.contracts import ANSWER_SCHEMA, QUANTILES, RAW_SCHEMA, REPLY_SCHEMA
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.redshift import redshift
from numpy.typing import NDArray

from astroscale_gateway.domain import table
from astroscale_gateway.domain.table import Answered, Model, Stars
from astroscale_gateway.wire import bad_reply

_SCORES: Final = ("radial_velocity_kms", *QUANTILES)
_NEEDED: Final = frozenset({*_SCORES, "tail_probability", "flags", "model_name", "model_version"})
_DECODED: Final = 4
"""How many times larger than its limit a compressed body may become."""


def read(body: bytes, *, max_rows: int, max_bytes: int) -> Stars:
    """The stars of an Arrow stream that anyone may have written.

    AstroScaleError: `bad_table` (no readable stream), `too_many_rows`, `too_large`, `invalid_table` (its columns).
    """
    try:
        found = codec.from_untrusted(body, max_rows=max_rows, max_decoded_bytes=_DECODED * max_bytes)
    except AstroScaleError as error:
        # `bad_arrow` is what we say of inference's replies, and may pass; this will not.
        raise AstroScaleError("bad_table", error.message) if error.code == "bad_arrow" else error from error
    names: list[str] = found.column_names
    wrong = table.unknown_columns(names)
    if wrong is not None:
        raise wrong
    for name, kind in zip(names, found.schema.types, strict=True):
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
            raise AstroScaleError(
                "invalid_table", f"column {name} has type {str(kind)[:60]}; allowed are floats and integers"
            )
    columns = {name: codec.floats(found.column(name)) for name in names}
    return table.of_columns({"ra": np.full(found.num_rows, np.nan), **columns})


def message_of(values: NDArray[np.float64]) -> bytes:
    """Rows of `Stars.values` as the content of a request to inference."""
    given = {name: codec.nullable(values[:, i], pa.float64()) for i, name in enumerate(table.COLUMNS)}
    arrays = [
        given[name] if name in given else pa.nulls(len(values), kind)
        for name, kind in zip(RAW_SCHEMA.names, RAW_SCHEMA.types, strict=True)
    ]
    return codec.to_bytes(pa.RecordBatch.from_arrays(arrays, schema=RAW_SCHEMA))


@dataclass(frozen=True, slots=True)
class Reply:
    """What inference said of M stars: columns as of `Answered`."""

    scores: NDArray[np.float32]
    tail_probability: NDArray[np.float32]
    flags: NDArray[np.uint32]
    model: Model


def read_reply(value: bytes, rows: int) -> Reply:
    """A reply for `rows` stars. AstroScaleError `bad_reply`, `not_finite_prediction`."""
    try:
        batch = codec.from_trusted(value)
    except AstroScaleError as error:
        raise bad_reply("cannot be read") from error
    if batch.num_rows != rows:
        raise bad_reply(f"has {batch.num_rows} rows for {rows} stars")
    missing = _NEEDED.difference(batch.schema.names)
    if missing:
        raise bad_reply(f"lacks {', '.join(sorted(missing))}")
    scores = np.column_stack([_numbers(batch, name) for name in _SCORES])
    if not np.isfinite(scores).all():
        raise AstroScaleError("not_finite_prediction", "the model gave no finite velocity for this star")
    name, version = (str(batch.column(column)[0].as_py()) for column in ("model_name", "model_version"))
    metadata = batch.schema.metadata or REPLY_SCHEMA.metadata
    return Reply(
        scores,
        _numbers(batch, "tail_probability"),
        np.asarray(batch.column("flags").to_numpy(zero_copy_only=False), dtype=np.uint32),
        Model(name, version, int(metadata[b"encoding_version"])),
    )


def _numbers(batch: pa.RecordBatch, name: str) -> NDArray[np.float32]:
    return np.asarray(batch.column(name).to_numpy(zero_copy_only=False), dtype=np.float32)


def to_arrow(answered: Answered) -> bytes:
    """The answer to an Arrow stream, by `contracts.ANSWER_SCHEMA`."""
    n = len(answered.scores)
    refused = np.zeros(n, dtype=np.bool_)
    refused[list(answered.refused)] = True
    errors = np.full(n, None, dtype=np.object_)
    for row, error in answered.refused.items():
        errors[row] = table.reason(error)
    model = answered.model or Model("", "", 0)
    made = {
        **{name: pa.array(answered.scores[:, i], mask=refused) for i, name in enumerate(_SCORES)},
        "predicted_z": pa.array(redshift(answered.scores[:, 0]), mask=refused),
        "tail_probability": codec.nullable(answered.tail_probability, pa.float32()),
        "flags": pa.array(answered.flags, mask=refused),
        "model_name": _word(refused, model.name),
        "model_version": _word(refused, model.version),
        "error": pa.array(errors, type=pa.string()),
    }
    batch = pa.RecordBatch.from_arrays([made[name] for name in ANSWER_SCHEMA.names], schema=ANSWER_SCHEMA)
    return codec.to_bytes(batch)


def _word(refused: NDArray[np.bool_], text: str) -> pa.Array:
    indices = pa.array(np.zeros(len(refused), dtype=np.int32), mask=refused)
    return pa.DictionaryArray.from_arrays(indices, pa.array([text], type=pa.string()))
