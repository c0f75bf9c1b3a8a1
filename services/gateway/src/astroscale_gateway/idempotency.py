"""Idempotency keys: the same key with the same body is answered with the same bytes, for some minutes.

A prediction changes nothing, so that two calls at once may both be computed: the answer that was stored first is the
one that both are given. Without Redis the key is ignored, and the answer says so.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError
from redis.asyncio import Redis
from redis.exceptions import RedisError

KEY: Final = "astroscale:gateway:idempotency:{}"
MAX_LENGTH: Final = 255


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer and how it came to be: `stored`, `replayed`, or `ignored` where Redis is away."""

    answer: bytes | None
    status: str


class IdempotencyKeys:
    """Answers by key, in Redis."""

    def __init__(self, redis: Redis, ttl_seconds: int) -> None:
        self._redis = redis
        self._ttl = ttl_seconds
        self._log = logging.get("idempotency")

    async def find(self, key: str, body: bytes) -> Stored:
        """The stored answer, if there is one. AstroScaleError `bad_idempotency_key`, `idempotency_key_reused`."""
        if not (0 < len(key) <= MAX_LENGTH and key.isascii() and key.isprintable()):
            raise AstroScaleError(
                "bad_idempotency_key", f"Idempotency-Key has 1 to {MAX_LENGTH} printable ASCII characters"
            )
        try:
            found = await self._redis.get(_name(key))
        except (RedisError, OSError) as error:
            self._log.warning("idempotency_ignored", error=type(error).__name__)
            return Stored(None, "ignored")
        return Stored(_checked(found, body), "replayed") if found else Stored(None, "stored")

    async def keep(self, key: str, body: bytes, answer: bytes) -> Stored:
        """Store an answer unless one is there; returns the one that counts."""
        name = _name(key)
        try:
            if await self._redis.set(name, _digest(body) + answer, nx=True, ex=self._ttl):
                return Stored(answer, "stored")
            found = await self._redis.get(name)
        except (RedisError, OSError) as error:
            self._log.warning("idempotency_ignored", error=type(error).__name__)
            return Stored(answer, "ignored")
        return Stored(_checked(found, body), "replayed") if found else Stored(answer, "ignored")


def _name(key: str) -> str:
    return KEY.format(hashlib.sha256(key.encode()).hexdigest())


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def _checked(found: bytes | str, body: bytes) -> bytes:
    assert isinstance(found, bytes)  # noqa: S101 - this client decodes nothing
    if found[:32] != _digest(body):
        raise AstroScaleError("idempotency_key_reused", "this Idempotency-Key came with another body before")
    return found[32:]
