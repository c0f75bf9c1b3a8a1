"""The contract of the raw topic, read without trust: whatever anyone produced -> observations, and what was refused.

JSON object, array or lines (also when no content-type is given), or an Arrow IPC stream (content-type says so).
"""

from astroscale_shared.messaging import codec, raw_arrow, raw_json
from astroscale_shared.messaging.contracts import ARROW, CONTENT_TYPE, CSV_LINE
from astroscale_shared.messaging.raw_json import singles
from astroscale_shared.messaging.raw_rows import MAX_TEXT, RawRows
from astroscale_shared.messaging.reasons import Reason
from astroscale_shared.runtime.errors import AstroScaleError

__all__ = ["MAX_TEXT", "RawRows", "count_rows", "may_be_single", "parse", "singles"]


def parse(value: bytes | None, headers: dict[str, str]) -> RawRows:
    """Read one message; AstroScaleError where the message as a whole cannot be read (it counts as one row)."""
    if not value:
        raise AstroScaleError(Reason.EMPTY_MESSAGE, "the message has no content")
    kind = _kind(headers)
    if kind == ARROW:
        return raw_arrow.to_rows(codec.from_untrusted(value))
    if kind == CSV_LINE:
        raise AstroScaleError(Reason.BROKEN_LINE, "a line of a table that does not split into its columns")
    return raw_json.to_rows(raw_json.read(value))


def may_be_single(headers: dict[str, str]) -> bool:
    """Whether a message's headers say JSON, or nothing."""
    return _kind(headers) not in (ARROW, CSV_LINE)


def count_rows(value: bytes | None, headers: dict[str, str]) -> int:
    """How many rows the message counts as, without validating them."""
    try:
        # Read as the preprocessor reads it: what it refuses whole is one row, however many rows it holds.
        if not value or _kind(headers) in (ARROW, CSV_LINE):
            return len(parse(value, headers).stars)
        return len(raw_json.read(value))
    except AstroScaleError:
        return 1


def _kind(headers: dict[str, str]) -> str:
    return headers.get(CONTENT_TYPE, "").split(";")[0].strip().lower()
