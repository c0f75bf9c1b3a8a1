"""How large an Arrow IPC stream says it will be, read from its metadata before anything is decompressed.

A compressed body of ten kilobytes can unfold to hundreds of megabytes; the library allocates first and tells afterwards.
The layout is that of Arrow's Message.fbs (https://arrow.apache.org/docs/format/Columnar.html), as flatbuffers.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

_DICTIONARY_BATCH: Final = 2
_RECORD_BATCH: Final = 3


@dataclass(frozen=True, slots=True)
class Declared:
    """rows of the record batches, and bytes of all buffers once decompressed."""

    rows: int
    decoded_bytes: int


def declared(value: bytes) -> Declared:
    """Rows and sizes that a stream declares.

    Raises struct.error, OverflowError or a pyarrow error where it is none. Only a limit: nothing else is checked here.
    """
    rows = size = 0
    for message in _messages(value):
        data = message.metadata.to_pybytes()
        root = _Table(data, struct.unpack_from("<I", data, 0)[0])
        kind = root.number(1, "<B")
        batch = root.child(2) if kind in (_DICTIONARY_BATCH, _RECORD_BATCH) else None
        if kind == _DICTIONARY_BATCH and batch is not None:
            batch = batch.child(1)
        if batch is None:
            continue
        if kind == _RECORD_BATCH:
            rows += max(0, batch.number(0, "<q"))
        compressed = batch.child(3) is not None
        for offset, length in batch.pairs(2):
            size += _unfolded(message.body, offset, length) if compressed else max(0, length)
    return Declared(rows, size)


def _messages(value: bytes) -> Iterator[Any]:
    reader: Any = pa.ipc.MessageReader.open_stream(pa.py_buffer(value))
    while True:
        try:
            yield reader.read_next_message()
        except StopIteration:
            return


def _unfolded(body: Any, offset: int, length: int) -> int:
    # A compressed buffer begins with its size when decompressed; -1 means that it is stored as it is.
    if length < 8 or offset < 0:
        return max(0, length)
    said: int = struct.unpack_from("<q", body, offset)[0]
    return length if said < 0 else said


@dataclass(frozen=True, slots=True)
class _Table:
    """A flatbuffers table."""

    data: bytes
    at: int

    def _field(self, index: int) -> int | None:
        vtable = self.at - struct.unpack_from("<i", self.data, self.at)[0]
        place = 4 + 2 * index
        if vtable < 0 or place + 2 > struct.unpack_from("<H", self.data, vtable)[0]:
            return None
        offset: int = struct.unpack_from("<H", self.data, vtable + place)[0]
        return self.at + offset if offset else None

    def number(self, index: int, kind: str) -> int:
        at = self._field(index)
        return 0 if at is None else struct.unpack_from(kind, self.data, at)[0]

    def child(self, index: int) -> "_Table | None":
        at = self._field(index)
        return None if at is None else _Table(self.data, at + struct.unpack_from("<I", self.data, at)[0])

    def pairs(self, index: int) -> Iterator[tuple[int, int]]:
        at = self._field(index)
        if at is None:
            return
        start = at + struct.unpack_from("<I", self.data, at)[0]
        count: int = struct.unpack_from("<I", self.data, start)[0]
        # The vector is read in one go, so that a hostile count is an error and no long loop.
        yield from struct.iter_unpack("<qq", self.data[start + 4 : _end(self.data, start + 4 + 16 * count)])


def _end(data: bytes, end: int) -> int:
    if end > len(data):
        raise struct.error("a vector reaches beyond its message")
    return end
