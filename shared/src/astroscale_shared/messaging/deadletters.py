"""Dead letters: what was refused, whole, with the reasons."""

import base64
import zlib
from collections.abc import Sequence
from importlib import metadata
from typing import Any, Final

from astroscale_shared.messaging import headers as wire
from astroscale_shared.messaging.contracts import JSON, DeadLetter, RejectedRow
from astroscale_shared.messaging.transactions import Outgoing

ROWS_A_LETTER: Final = 10_000
"""A million refused rows would make a letter beyond any broker: the reasons go on in further letters."""

MAX_VALUE_BYTES: Final = 2 << 20
MAX_KEY_BYTES: Final = 1 << 16
MAX_HEADERS: Final = 50
MAX_HEADER_CHARACTERS: Final = 1_000
"""The broker limits a producer's batch as it is compressed: unpacked, a message may be hundreds of times larger than a
letter can be. A letter that cannot be sent would stop the partition for ever."""


def letters(
    topic: str, record: Any, headers: dict[str, str], rejected: Sequence[RejectedRow], *, rows_total: int, service: str
) -> list[Outgoing]:
    """The letters of one refused message; the first holds the original bytes, as base64."""
    made: list[Outgoing] = []
    value, packing = _packed(record.value or b"")
    key: bytes | None = None if record.key is None else record.key[:MAX_KEY_BYTES]
    shown = {k[:MAX_HEADER_CHARACTERS]: v[:MAX_HEADER_CHARACTERS] for k, v in list(headers.items())[:MAX_HEADERS]}
    for start in range(0, len(rejected), ROWS_A_LETTER):
        letter = DeadLetter(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp_ms=record.timestamp,
            key=None if key is None else key.decode("utf-8", "backslashreplace"),
            headers=shown,
            origin=shown.get("origin") or f"{record.topic}-{record.partition}-{record.offset}",
            hop=wire.whole_number(headers.get("hop")),
            service=service,
            service_version=metadata.version(f"astroscale-{service}"),
            rows_total=rows_total,
            part=start // ROWS_A_LETTER,
            rejected=list(rejected[start : start + ROWS_A_LETTER]),
            value_base64=base64.b64encode(value).decode() if start == 0 else "",
            value_packing=packing if start == 0 else "none",
        )
        made.append(
            Outgoing(
                topic,
                letter.model_dump_json().encode(),
                key=key,
                headers=wire.write(content_type=JSON, rows=len(letter.rejected), reason=rejected[start].code),
            )
        )
    return made


def _packed(value: bytes) -> tuple[bytes, str]:
    if len(value) <= MAX_VALUE_BYTES:
        return value, "none"
    packed = zlib.compress(value, 6)
    return (packed, "zlib") if len(packed) <= MAX_VALUE_BYTES else (value[:MAX_VALUE_BYTES], "cut")
