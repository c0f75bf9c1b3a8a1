"""HTTP in -> domain -> HTTP out."""

from collections.abc import Callable, Coroutine
from typing import Any, Final, cast

import orjson
from astroscale_shared.messaging.contracts import ARROW
from astroscale_shared.runtime.errors import AstroScaleError
from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from astroscale_gateway import body as bodies
from astroscale_gateway import tablewire
from astroscale_gateway.batcher import Batcher
from astroscale_gateway.body import JSON, read_json
from astroscale_gateway.domain import star, table
from astroscale_gateway.domain.answer import with_request_id
from astroscale_gateway.idempotency import IdempotencyKeys
from astroscale_gateway.ledger import Ledger
from astroscale_gateway.metrics import GatewayMetrics
from astroscale_gateway.readiness import Readiness
from astroscale_gateway.relay import Relay
from astroscale_gateway.schemas import (
    Alive,
    ErrorResponse,
    LedgerResponse,
    ModelResponse,
    PredictBatchResponse,
    PredictResponse,
    Ready,
)
from astroscale_gateway.security import ApiKey
from astroscale_gateway.settings import GatewaySettings
from astroscale_gateway.tables import Tables

_ARROW_BODY: Final = {"schema": {"type": "string", "format": "binary"}}

_FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": ErrorResponse, "description": "A key is asked for, and missing or wrong"},
    503: {
        "model": ErrorResponse,
        "description": "Too many wait, or inference cannot be reached: try again",
        "headers": {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}},
    },
    504: {"model": ErrorResponse, "description": "No prediction within the deadline"},
}
_PREDICT_FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    413: {"model": ErrorResponse, "description": "The body is over the limit"},
    415: {"model": ErrorResponse, "description": "The content type is not application/json"},
    422: {"model": ErrorResponse, "description": "Values are not allowed: each is named with its range"},
}
_BATCH_FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    413: {"model": ErrorResponse, "description": "More stars or bytes than are taken at a time"},
    415: {"model": ErrorResponse, "description": "The content type is none of the two"},
    422: {"model": ErrorResponse, "description": "No array, no readable stream, an unknown column, or no star"},
}
_REQUEST_ID: Final = {
    "name": "X-Request-ID",
    "in": "header",
    "description": "Taken over into the answer and the log; made up where it is missing or has other characters",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
}
_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key with the same body is answered the same for ten minutes. The answer's header "
    "Idempotency-Status says `stored`, `replayed`, or `ignored` (no Redis)",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


class _Direct(APIRoute):
    """A route whose handler takes the request as it is: FastAPI describes it, and resolves nothing for it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return cast("Callable[[Request], Coroutine[Any, Any, Response]]", self.endpoint)


class Handlers:
    """What the routes need, handed in once."""

    def __init__(
        self,
        settings: GatewaySettings,
        metrics: GatewayMetrics,
        relay: Relay,
        batcher: Batcher[star.Row, bytes],
        tables: Tables,
        keys: IdempotencyKeys,
        readiness: Readiness,
        ledger: Ledger,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._relay = relay
        self._batcher = batcher
        self._tables = tables
        self._keys = keys
        self._readiness = readiness
        self._ledger = ledger
        self._api_key = ApiKey(settings.api_key)

    def direct(self) -> dict[tuple[str, str], Callable[[Request], Coroutine[Any, Any, Response]]]:
        """The routes that the edge may answer itself."""
        return {("POST", "/predict"): self.predict, ("POST", "/predict/batch"): self.predict_batch}

    def add_to(self, router: APIRouter) -> None:
        """The routes, documented."""
        router.add_api_route(
            "/predict",
            self.predict,
            methods=["POST"],
            route_class_override=_Direct,
            operation_id="predict",
            tags=["predictions"],
            summary="Predict one star's line-of-sight velocity",
            # The body is read by domain.star (the names of all offending fields, and 4 us instead of 40); so it is
            # described here, and the tests hold the two together.
            openapi_extra={
                "requestBody": {
                    "required": True,
                    "content": {JSON: {"schema": {"$ref": "#/components/schemas/PredictRequest"}}},
                },
                "parameters": [_REQUEST_ID, _IDEMPOTENCY_KEY],
            },
            responses={200: {"model": PredictResponse}, **_PREDICT_FAILURES, **_FAILURES},
        )
        router.add_api_route(
            "/predict/batch",
            self.predict_batch,
            methods=["POST"],
            route_class_override=_Direct,
            operation_id="predictBatch",
            tags=["predictions"],
            summary="Predict many stars at once",
            openapi_extra={
                "requestBody": {
                    "required": True,
                    "content": {
                        JSON: {
                            "schema": {"type": "array", "items": {"$ref": "#/components/schemas/BatchStar"}},
                        },
                        ARROW: _ARROW_BODY,
                    },
                },
                "parameters": [_REQUEST_ID],
            },
            responses={
                200: {"model": PredictBatchResponse, "content": {ARROW: _ARROW_BODY}},
                **_BATCH_FAILURES,
                **_FAILURES,
            },
        )
        router.add_api_route(
            "/model",
            self.model,
            methods=["GET"],
            operation_id="model",
            tags=["predictions"],
            summary="The model in service",
            responses={200: {"model": ModelResponse}, **_FAILURES},
        )
        router.add_api_route(
            "/ledger",
            self.ledger,
            methods=["GET"],
            operation_id="ledger",
            tags=["operation"],
            summary="What became of every row of the stream, and whether it adds up",
            responses={200: {"model": LedgerResponse}, **{code: _FAILURES[code] for code in (401, 503)}},
        )
        router.add_api_route(
            "/healthz", self.healthz, methods=["GET"], operation_id="healthz", tags=["operation"],
            summary="Whether the process answers", responses={200: {"model": Alive}},
        )  # fmt: skip
        router.add_api_route(
            "/readyz", self.readyz, methods=["GET"], operation_id="readyz", tags=["operation"],
            summary="Whether predictions can be had",
            responses={200: {"model": Ready}, 503: {"model": Ready, "description": "Not now; the reasons say why"}},
        )  # fmt: skip
        router.add_api_route(
            "/metrics", self.render_metrics, methods=["GET"], operation_id="metrics", tags=["operation"],
            summary="Prometheus metrics", response_class=Response,
            responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        )  # fmt: skip

    async def predict(self, request: Request) -> Response:
        """Answer with radial velocity (km/s), redshift, a 90 % interval, flags, and the model that said so."""
        self._api_key.check(request)
        settings = self._settings
        body = await read_json(request, limit=settings.max_body_bytes, timeout=settings.body_timeout_seconds)
        row = star.read(body)
        key = request.headers.get("idempotency-key")
        if key is not None:
            return await self._predict_once(key, body, row, request.state.request_id)
        answer = await self._batcher.submit(row)
        return Response(with_request_id(answer, request.state.request_id), media_type=JSON)

    async def predict_batch(self, request: Request) -> Response:
        """Answer each star of a JSON array, or each row of an Arrow IPC stream, in the form in which they came.

        A star may lack any key but ra and dec (null and absent are the same here), and may have rv_kms, the measured
        velocity: it gives `tail_probability` and has no part in the prediction. A star that is not allowed is refused
        alone: null among the predictions, and the reason under `refused`; in an Arrow answer, only `error` is filled.
        An unknown key refuses its star, an unknown column the whole table. All stars are answered by one model. A star
        is answered as by /predict. Nothing is stored: Idempotency-Key has no meaning here.
        """
        self._api_key.check(request)
        settings = self._settings
        kind = bodies.kind_of(request, (JSON, ARROW))
        with self._tables.place():
            body = await bodies.read(
                request, limit=settings.table_max_body_bytes, timeout=settings.body_timeout_seconds
            )
            stars = await self._tables.work(self._stars, kind, body)
            del body
            answered = await self._tables.predict(stars)
            if kind == ARROW:
                content = await self._tables.work(tablewire.to_arrow, answered)
            else:
                content = await self._tables.work(table.to_json, answered, request.state.request_id)
        return Response(content, media_type=kind)

    def _stars(self, kind: str, body: bytes) -> table.Stars:
        most = self._settings.table_max_rows
        if kind == ARROW:
            stars = tablewire.read(body, max_rows=most, max_bytes=self._settings.table_max_body_bytes)
        else:
            documents = star.read_array(body)
            if len(documents) > most:
                raise AstroScaleError("too_many_rows", f"{len(documents)} stars; allowed are {most} at a time")
            stars = table.of_documents(documents)
        if not len(stars.values):
            raise AstroScaleError("no_stars", f"there is no star here; allowed are 1 to {most} at a time")
        return stars

    async def _predict_once(self, key: str, body: bytes, row: star.Row, request_id: str) -> Response:
        stored = await self._keys.find(key, body)
        if stored.answer is None:
            answer = await self._batcher.submit(row)
            if stored.status != "ignored":
                stored = await self._keys.keep(key, body, answer)
            answer = stored.answer or answer
        else:
            answer = stored.answer
        return Response(
            with_request_id(answer, request_id), media_type=JSON, headers={"idempotency-status": stored.status}
        )

    async def model(self, request: Request) -> Response:
        """Name, version and card of the model that answers now, asked of inference."""
        self._api_key.check(request)
        said = await self._relay.model(self._settings.deadline_seconds)
        return Response(orjson.dumps(said), media_type=JSON)

    async def ledger(self, request: Request) -> Response:
        """The services' own totals by stage and kind; `astroscale audit` recounts them from the topics."""
        self._api_key.check(request)
        return Response(orjson.dumps(self._ledger.report()), media_type=JSON)

    async def healthz(self, _request: Request) -> Response:
        """The event loop turns."""
        return Response(b'{"alive":true}', media_type=JSON)

    async def readyz(self, _request: Request) -> Response:
        """Replies are read, and inference answered lately."""
        report = self._readiness.report()
        return Response(orjson.dumps(report), 200 if report["ready"] else 503, media_type=JSON)

    async def render_metrics(self, _request: Request) -> Response:
        """The exposition format's text."""
        self._metrics.waiting.set(self._batcher.waiting)
        self._metrics.tables_waiting.set(self._tables.waiting)
        self._ledger.measure()
        return Response(self._metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")
