"""The Python client: `AstroScale(url).predict(ra=..., dec=..., ...)`."""

import asyncio
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx
from astroscale_shared.runtime.errors import AstroScaleError

from astroscale_client import pool, where, wire
from astroscale_client.prediction import Prediction

if TYPE_CHECKING:
    import pyarrow as pa


class AstroScale:
    """A gateway, over kept-alive connections; a context manager. Threads may share it.

    url: its address, else ASTROSCALE_URL, else that of the system running in this folder, else http://127.0.0.1:8080.
    timeout: seconds for one try. retries: further tries when it is busy (503, honouring Retry-After) or not there.
    api_key: where the gateway asks for one, else ASTROSCALE_API_KEY.
    """

    def __init__(
        self, url: str | None = None, *, timeout: float = 10.0, retries: int = 4, api_key: str | None = None
    ) -> None:
        self.url = where.gateway_url(url)
        self._options = pool.Options(self.url, timeout, retries, api_key or where.api_key())
        self._http = httpx.Client(
            base_url=self.url,
            timeout=timeout,
            headers=wire.headers(self._options.api_key),
            mounts=wire.DIRECT,
        )

    def predict(
        self,
        *,
        ra: float,
        dec: float,
        teff: float | None = None,
        logg: float | None = None,
        fe_h: float | None = None,
        snr: float | None = None,
        parallax: float | None = None,
        pmra: float | None = None,
        pmdec: float | None = None,
    ) -> Prediction:
        """Velocity of one star: ra, dec in deg, teff in K, logg and fe_h in dex, parallax in mas, proper motions in
        mas/yr. What is missing (None or NaN) widens the interval and is flagged.

        Raises RefusedError where a value is not allowed, AstroScaleError `gateway_unreachable` or the gateway's code.
        """
        star = {
            "ra": ra,
            "dec": dec,
            "teff": teff,
            "logg": logg,
            "fe_h": fe_h,
            "snr": snr,
            "parallax": parallax,
            "pmra": pmra,
            "pmdec": pmdec,
        }
        return wire.prediction(self._send("POST", "/predict", wire.body(star)))

    def predict_many(
        self, stars: Iterable[wire.Star], *, concurrency: int = pool.CONCURRENCY
    ) -> list[Prediction | AstroScaleError]:
        """Velocities of many stars, in their order; for a star that is refused, the error instead (not raised).

        Raises AstroScaleError where the gateway is gone or refuses all alike.
        """
        work = list(stars)

        def run() -> list[Prediction | AstroScaleError]:
            return asyncio.run(pool.score(work, self._options, concurrency=concurrency))

        # In a thread of its own, as a notebook's loop is running already.
        with ThreadPoolExecutor(1) as one:
            return one.submit(run).result()

    def predict_table(self, table: Any, *, concurrency: int = pool.CONCURRENCY) -> "pa.Table":
        """A table with its predictions beside it, in its order: the columns that `astroscale predict --file` adds.

        table: a pyarrow.Table, a dictionary of columns, or what else pyarrow makes a table of (a DataFrame of pandas or
        polars), with ra and dec and as many of the other inputs as there are, by these names. `rv_kms`, a measured
        velocity, gives tail_probability and has no part in the prediction. A row that is refused has only `error`.

        Raises AstroScaleError `bad_table`, or where the gateway is gone or refuses all alike.
        """
        # Imported where they are needed: reading tables takes longer to import than a star to predict.
        from astroscale_client import memory

        def run() -> "pa.Table":
            return asyncio.run(memory.predict(table, self._options, concurrency))

        with ThreadPoolExecutor(1) as one:
            return one.submit(run).result()

    def model(self) -> dict[str, Any]:
        """The model that is served, with its card."""
        return self._json("/model")

    def readiness(self) -> dict[str, Any]:
        """`{"ready": bool, "reasons": [...]}`; not ready is no error."""
        return wire.json_of(self._try("GET", "/readyz", b""))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _json(self, path: str) -> dict[str, Any]:
        answer = self._send("GET", path, b"")
        document = wire.json_of(answer)
        if answer.status != HTTPStatus.OK:
            raise wire.failure(answer.status, document)
        return document

    def _send(self, method: str, path: str, content: bytes) -> wire.Answer:
        for attempt in range(self._options.retries):
            answer = None
            try:
                answer = self._try(method, path, content)
            except AstroScaleError as error:
                if not error.retryable:
                    raise
            if answer is not None and answer.status not in wire.RETRIED:
                return answer
            time.sleep(wire.pause(answer, attempt))
        return self._try(method, path, content)

    def _try(self, method: str, path: str, content: bytes) -> wire.Answer:
        sent = {"content-type": "application/json"} if content else {}
        try:
            response = self._http.request(method, path, content=content or None, headers=sent)
        except httpx.TransportError as error:
            raise wire.unreachable(self.url, late=isinstance(error, httpx.TimeoutException)) from error
        return wire.answer(response)
