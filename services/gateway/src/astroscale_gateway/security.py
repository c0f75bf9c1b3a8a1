"""The API key: a setting, compared in constant time."""

import hmac

from astroscale_shared.runtime.errors import AstroScaleError
from pydantic import SecretStr
from starlette.requests import Request


class ApiKey:
    """Asks for `X-API-Key: <key>` or `Authorization: Bearer <key>` where a key is set; else lets all through."""

    def __init__(self, key: SecretStr | None) -> None:
        self._key = key.get_secret_value().encode() if key is not None else None

    def check(self, request: Request) -> None:
        """AstroScaleError `unauthorized` where the key is missing or wrong."""
        if self._key is None:
            return
        given = request.headers.get("x-api-key")
        if given is None:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            given = token if scheme.lower() == "bearer" else ""
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._key):
            raise AstroScaleError("unauthorized", "this gateway asks for a key in the header X-API-Key")
