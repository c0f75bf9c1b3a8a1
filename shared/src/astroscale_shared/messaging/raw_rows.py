"""What a raw message is read into."""

from dataclasses import dataclass
from typing import Final

from astroscale_shared.messaging.contracts import RejectedRow
from astroscale_shared.stars.columns import BY_NAME, TEXT
from astroscale_shared.stars.observations import Observations

MAX_TEXT: Final = 128
KNOWN: Final = frozenset(BY_NAME) | frozenset(TEXT)


@dataclass(frozen=True, slots=True)
class RawRows:
    """Rows of one message. stars: all of them, N; rows that could not be read are NaN there and named in `refused`.

    unknown_fields: how many values had a name that we do not know (ignored, and counted)."""

    stars: Observations
    refused: list[RejectedRow]
    unknown_fields: int
