"""Dead letters: what was refused, whole, with the reasons."""

import base64
from collections.abc import Sequence
from importlib import metadata
from typing import Any, Final

from astroscale_shared.messaging import headers as wire
from astroscale_shared.messaging.contracts import JSON, DeadLetter, RejectedRow
from astroscale_shared.messaging.transactions import Outgoing

ROWS_A_LETTER: Final = 10_000
"""A million refused rows would make a letter beyond any broker: the reasons go on in further letters."""


def letters(
    topic: str, record: Any, headers: dict[str, str], rejected: Sequence[RejectedRow], *, rows_total: int, service: str
) -> list[Outgoing]:
    """The letters of one refused message; the first holds the original bytes, as base64."""
    made: list[Outgoing] = []
    for start in range(0, len(rejected), ROWS_A_LETTER):
        letter = DeadLetter(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp_ms=record.timestamp,
            key=None if record.key is None else record.key.decode("utf-8", "backslashreplace"),
            headers=headers,
            origin=headers.get("origin") or f"{record.topic}-{record.partition}-{record.offset}",
            hop=wire.whole_number(headers.get("hop")),
            service=service,
            service_version=metadata.version(f"astroscale-{service}"),
            rows_total=rows_total,
            part=start // ROWS_A_LETTER,
            rejected=list(rejected[start : start + ROWS_A_LETTER]),
            value_base64=base64.b64encode(record.value or b"").decode() if start == 0 else "",
        )
        made.append(
            Outgoing(
                topic,
                letter.model_dump_json().encode(),
                key=record.key,
                headers=wire.write(content_type=JSON, rows=len(letter.rejected), reason=rejected[start].code),
            )
        )
    return made
