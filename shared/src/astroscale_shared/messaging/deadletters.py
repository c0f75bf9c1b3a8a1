"""Dead letters: what was refused, whole, with the reasons.

A message becomes as many letters as its reasons and its bytes need: `part` numbers them, the first `chunks` of them each
hold one chunk of the packed bytes, and `join` puts the bytes together again.
"""

import base64
import zlib
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata
from itertools import islice, zip_longest
from typing import Any, Final

from astroscale_shared.messaging import headers as wire
from astroscale_shared.messaging import provenance
from astroscale_shared.messaging.contracts import JSON, DeadLetter, RejectedRow
from astroscale_shared.messaging.outcome import Outgoing
from astroscale_shared.messaging.provenance import FIRST, Provenance
from astroscale_shared.runtime.errors import AstroScaleError

ROWS_A_LETTER: Final = 10_000
"""A million refused rows would make a letter beyond any broker: the reasons go on in further letters."""

MAX_REASONS_BYTES: Final = 2 << 20
MAX_DETAIL: Final = 1_000

MAX_VALUE_BYTES: Final = 2 << 20
MAX_KEY_BYTES: Final = 1 << 16
MAX_HEADERS: Final = 50
MAX_HEADER_CHARACTERS: Final = 1_000
MAX_HEADERS_BYTES: Final = 1 << 16
"""The broker limits a producer's batch as it is compressed: unpacked, a message may be hundreds of times larger than a
letter can be. A letter that cannot be sent would stop the partition for ever. A value goes on in further letters; a key
beyond its limit is cut, and the largest headers beyond theirs are left out: no producer of stars has such."""


def letters(
    topic: str, record: Any, headers: dict[str, str], rejected: Sequence[RejectedRow], *, rows_total: int, service: str
) -> list[Outgoing]:
    """The letters of one refused message, in order; none where no row was refused."""
    if not rejected:
        return []
    key: bytes | None = None if record.key is None else record.key[:MAX_KEY_BYTES]
    of = _provenance(headers)
    value, packing = _packed(record.value or b"")
    chunks = [value[start : start + MAX_VALUE_BYTES] for start in range(0, len(value), MAX_VALUE_BYTES)] or [b""]
    whole = DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp,
        key=None if key is None else key.decode("utf-8", "backslashreplace"),
        headers={k[:MAX_HEADER_CHARACTERS]: v[:MAX_HEADER_CHARACTERS] for k, v in islice(headers.items(), MAX_HEADERS)},
        origin=of.origin or provenance.position(record.topic, record.partition, record.offset),
        hop=of.hop,
        service=service,
        service_version=metadata.version(f"astroscale-{service}"),
        rows_total=rows_total,
        rejected=[],
        value_base64="",
        value_packing=packing,
        key_base64=None if key is None else base64.b64encode(key).decode(),
        headers_base64=_whole_headers(record.headers),
        chunks=len(chunks),
    )
    made: list[Outgoing] = []
    for part, (reasons, chunk) in enumerate(zip_longest(_parts(rejected), chunks)):
        letter = whole.model_copy(
            update={
                "part": part,
                "rejected": reasons or [],
                "chunk": part,
                "value_base64": base64.b64encode(chunk or b"").decode(),
            }
        )
        code = (reasons or rejected)[0].code
        sent = wire.write(content_type=JSON, rows=len(letter.rejected), reason=code)
        made.append(Outgoing(topic, letter.model_dump_json().encode(), key=key, headers=sent))
    return made


def join(parts: Iterable[DeadLetter]) -> bytes:
    """The message's value, of all of its letters in any order. Of a letter of an older writer that cut what was too
    large: as much as there is."""
    ordered = sorted(parts, key=lambda letter: letter.part)
    value = b"".join(base64.b64decode(letter.value_base64) for letter in ordered)
    return zlib.decompress(value) if ordered[0].value_packing == "zlib" else value


def _provenance(headers: dict[str, str]) -> Provenance:
    try:
        return provenance.read(headers)
    except AstroScaleError:  # why this letter is written
        return FIRST


def _packed(value: bytes) -> tuple[bytes, str]:
    if len(value) <= MAX_VALUE_BYTES:
        return value, "none"
    packed = zlib.compress(value, 6)
    return (packed, "zlib") if len(packed) < len(value) else (value, "none")


def _whole_headers(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str | None]:
    found = dict(headers)
    room, kept = MAX_HEADERS_BYTES, set[str]()
    for name in sorted(found, key=lambda name: len(name) + len(found[name] or b""))[:MAX_HEADERS]:
        room -= len(name.encode()) + len(found[name] or b"")
        if room >= 0:
            kept.add(name)
    return {
        name: None if value is None else base64.b64encode(value).decode()
        for name, value in found.items()
        if name in kept
    }


def _parts(rejected: Sequence[RejectedRow]) -> Iterator[list[RejectedRow]]:
    part: list[RejectedRow] = []
    size = 0
    for row in rejected:
        # An error's words may hold names as long as a message.
        shown = row.model_copy(update={"detail": row.detail[:MAX_DETAIL]}) if len(row.detail) > MAX_DETAIL else row
        size += len(shown.model_dump_json())
        if part and (len(part) == ROWS_A_LETTER or size > MAX_REASONS_BYTES):
            yield part
            part, size = [], len(shown.model_dump_json())
        part.append(shown)
    yield part
