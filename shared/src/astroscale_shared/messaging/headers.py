"""Message headers: written as UTF-8, read without trust (they may be null or any bytes)."""

from collections.abc import Iterable

Headers = list[tuple[str, bytes]]


def read(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """Headers by lower-case name; a null or non-UTF-8 value is kept as its escaped text, never an error."""
    return {
        str(name).lower(): "" if value is None else bytes(value).decode("utf-8", "backslashreplace")
        for name, value in headers
    }


def write(**values: str | int) -> Headers:
    """Headers of these values; an underscore in a name becomes a hyphen."""
    return [(name.replace("_", "-"), str(value).encode()) for name, value in values.items()]


def whole_number(text: str | None, default: int = 0) -> int:
    """A header's whole number >= 0, or the default where it is none."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 19 else default
