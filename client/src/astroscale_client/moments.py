"""Points in time as an operator types them."""

import re
from datetime import UTC, datetime
from typing import Final

from astroscale_shared.runtime.errors import AstroScaleError

_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_AGO: Final = re.compile(r"(\d{1,6})([smhd])")


def moment(text: str, now: datetime | None = None) -> int:
    """Milliseconds since 1970 of `2026-11-25T21:30` (UTC, where it names no zone), of a day, or of `90m` ago (s, m, h,
    d). AstroScaleError `usage` where it is none."""
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return _ms(now or datetime.now(UTC)) - int(ago[1]) * _SECONDS[ago[2]] * 1000
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise AstroScaleError(
            "usage", f"{text!r} is no time: write 2026-11-25T21:30 (UTC), or 90m for 90 minutes ago"
        ) from None
    return _ms(found if found.tzinfo else found.replace(tzinfo=UTC))


def shown(at_ms: int) -> str:
    """As `2026-11-25 21:30:05`, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
