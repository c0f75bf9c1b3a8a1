"""The one error of this package: a sentence for a person, and a way out."""


class LocalError(Exception):
    """Something on this machine stands in the way.

    Args:
        message: One sentence that says what is wrong.
        way_out: One sentence that says what to do about it.
        details: Lines worth seeing, such as the end of a log.
    """

    def __init__(self, message: str, way_out: str = "", details: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.way_out = way_out
        self.details = details

    def __str__(self) -> str:
        return "\n".join(part for part in (self.message, self.way_out, self.details) if part)
