"""One family of errors. An error travels until someone uses or logs it, once; no stack trace leaves a service."""

from typing import Any


class AstroScaleError(Exception):
    """An error that a user, an operator or another service may see.

    code: a stable word from this module's users, `message`: one clear sentence, `retryable`: whether the same call may
    succeed later. `fields` are details of bad input: dictionaries with field, value, allowed and message.
    """

    def __init__(
        self, code: str, message: str, *, retryable: bool = False, fields: list[dict[str, Any]] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.fields = fields or []
