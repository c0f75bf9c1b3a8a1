"""The two messages of a prediction as bytes: rows -> a request's content, a reply's content -> scores.

Arrow takes 0.5 ms to write and read one star, most of it the schema's description, which is always the same. So the
bytes of a lone star are stamped from a remembered message, and read where a remembered reply had its values; what
differs from the remembered one in anything but values goes the long way. Both ways give the same (tests hold them to it).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import pyarrow as pa
from astroscale_shared.messaging import codec
from astroscale_shared.messaging.contracts import RAW_SCHEMA, REPLY_SCHEMA
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import INPUTS

from astroscale_gateway.domain.answer import QUANTILES, Scores
from astroscale_gateway.domain.star import Row

_RAW_COLUMNS: Final = tuple(zip(RAW_SCHEMA.names, RAW_SCHEMA.types, strict=True))
_NUMBERS: Final = ("radial_velocity_kms", *QUANTILES)
_NEEDED: Final = frozenset({*_NUMBERS, "flags", "model_name", "model_version"})
_DOUBLE: Final = struct.Struct("<d")
_FLOAT: Final = struct.Struct("<f")
_FLAGS: Final = struct.Struct("<I")


def message_of(rows: Sequence[Row]) -> bytes:
    """Rows as the content of a request: a batch of the raw topic, as `codec.raw_batch` makes it of observations."""
    if len(rows) != 1:
        return _written(rows)
    row = rows[0]
    stamp, places = _stamp(tuple(value != value for value in row))
    message = bytearray(stamp)
    for column, place in places:
        _DOUBLE.pack_into(message, place, row[column])
    return bytes(message)


def _written(rows: Sequence[Row]) -> bytes:
    table = np.array(rows, dtype=np.float64)
    given = {column.name: codec.nullable(table[:, i], pa.float64()) for i, column in enumerate(INPUTS)}
    arrays = [given[name] if name in given else pa.nulls(len(rows), kind) for name, kind in _RAW_COLUMNS]
    return codec.to_bytes(pa.RecordBatch.from_arrays(arrays, schema=RAW_SCHEMA))


@lru_cache(maxsize=1 << len(INPUTS))
def _stamp(missing: tuple[bool, ...]) -> tuple[bytes, tuple[tuple[int, int], ...]]:
    """The message of one star with these inputs missing, and where the value of each other column is."""
    markers = [float("nan") if absent else 0.1 + i / 7 for i, absent in enumerate(missing)]
    message = _written([tuple(markers)])
    places: list[tuple[int, int]] = []
    for i, absent in enumerate(missing):
        if not absent:
            marker = _DOUBLE.pack(markers[i])
            assert message.count(marker) == 1  # noqa: S101 - eight bytes that nothing else has
            places.append((i, message.index(marker)))
    return message, tuple(places)


@dataclass(frozen=True, slots=True)
class _Layout:
    """A reply for one star: all that comes before its values, and where these are."""

    length: int
    before: bytes
    numbers: tuple[int, ...]
    flags: int
    model_name: str
    model_version: str
    encoding_version: int


class ReplyReader:
    """Reads replies; remembers the last layout of a lone star's (it changes with the model)."""

    def __init__(self) -> None:
        self._layout: _Layout | None = None

    def read(self, value: bytes, rows: int) -> Scores:
        """The scores of `rows` stars. AstroScaleError `bad_arrow`, `bad_reply`, `not_finite_prediction`."""
        layout = self._layout
        if rows == 1 and layout is not None and len(value) == layout.length and value.startswith(layout.before):
            numbers = np.array([[_FLOAT.unpack_from(value, place)[0]] for place in layout.numbers], dtype=np.float32)
            flags = np.array(_FLAGS.unpack_from(value, layout.flags), dtype=np.uint32)
            name, version, encoding = layout.model_name, layout.model_version, layout.encoding_version
        else:
            batch = codec.from_trusted(value)
            numbers, flags, name, version, encoding = _decoded(batch, rows)
            if rows == 1:
                self._layout = _learn(value, batch, name, version, encoding)
        if not np.isfinite(numbers).all():
            raise AstroScaleError("not_finite_prediction", "the model gave no finite velocity for this star")
        return Scores(numbers[0], numbers[1:].T, flags, name, version, encoding)


def _decoded(
    batch: pa.RecordBatch, rows: int
) -> tuple[
    np.ndarray[tuple[int, ...], np.dtype[np.float32]], np.ndarray[tuple[int], np.dtype[np.uint32]], str, str, int
]:
    if batch.num_rows != rows:
        raise bad_reply(f"has {batch.num_rows} rows for {rows} stars")
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    missing = _NEEDED - columns.keys()
    if missing:
        raise bad_reply(f"lacks {', '.join(sorted(missing))}")
    numbers = np.array([columns[name].to_numpy(zero_copy_only=False) for name in _NUMBERS], dtype=np.float32)
    flags = np.asarray(columns["flags"].to_numpy(zero_copy_only=False), dtype=np.uint32)
    name, version = (str(columns[name][0].as_py()) for name in ("model_name", "model_version"))
    metadata = batch.schema.metadata or REPLY_SCHEMA.metadata
    return numbers, flags, name, version, int(metadata[b"encoding_version"])


def _learn(value: bytes, batch: pa.RecordBatch, name: str, version: str, encoding: int) -> _Layout | None:
    """The layout of a reply that was just read; None where its values are not to be found again by their place."""
    if not batch.schema.equals(REPLY_SCHEMA):
        return None
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    if any(len(columns[name].dictionary) != 1 for name in ("model_name", "model_version")):
        return None
    place = codec.places(value, batch)
    if place is None:
        return None
    base = pa.py_buffer(value).address
    first = min(
        buffer.address - base for column in columns.values() for buffer in column.buffers() if buffer is not None
    )
    numbers = tuple(place[name] for name in _NUMBERS)
    return _Layout(len(value), value[:first], numbers, place["flags"], name, version, encoding)


def bad_reply(what: str) -> AstroScaleError:
    """The error of a reply that cannot be used."""
    return AstroScaleError("bad_reply", f"inference sent a reply that {what}; try again", retryable=True)
