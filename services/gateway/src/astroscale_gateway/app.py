"""Composition root of the gateway: all wiring, and nothing else."""

import asyncio
import contextlib
import importlib.metadata
import os
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Any, Final

from astroscale_shared.messaging import ledger as totals
from astroscale_shared.messaging.requests import RequestClient
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings, RedisSettings
from fastapi import FastAPI, Request
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from astroscale_gateway import errors, openapi
from astroscale_gateway.batcher import Batcher, Limits
from astroscale_gateway.domain.star import Row
from astroscale_gateway.edge import Edge, OnError
from astroscale_gateway.handlers import Handlers
from astroscale_gateway.idempotency import IdempotencyKeys
from astroscale_gateway.lease import PartitionLease
from astroscale_gateway.ledger import Follow, Ledger
from astroscale_gateway.metrics import GatewayMetrics
from astroscale_gateway.page import add_docs, add_page
from astroscale_gateway.readiness import Readiness
from astroscale_gateway.relay import Relay, Transport
from astroscale_gateway.settings import GatewaySettings
from astroscale_gateway.tables import TableLimits, Tables

CONNECT_SECONDS: Final = 15.0
REDIS_SECONDS: Final = 0.5

Connect = Callable[[], Awaitable[Transport]]


class Gateway(FastAPI):
    """FastAPI behind the edge, which answers the direct routes itself."""

    edge: Edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            await self.edge(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def build_app(
    settings: GatewaySettings,
    kafka: KafkaSettings | None = None,
    redis: RedisSettings | None = None,
    *,
    connect: Connect | None = None,
    follow: Follow | None = None,
) -> Gateway:
    """The gateway, wired. `connect` replaces the way to inference, `follow` that to the ledger (tests)."""
    metrics = GatewayMetrics()
    store = _redis(redis or RedisSettings.load())
    lease = PartitionLease(store, f"{socket.gethostname()}-{os.getpid()}", settings.reply_lease_seconds)
    kafka = kafka or KafkaSettings.load()
    relay = Relay(connect or _kafka(kafka, lease), metrics)
    ledger = Ledger(follow or partial(totals.follow, kafka), metrics)
    batcher: Batcher[Row, bytes] = Batcher(
        relay.predict,
        Limits(
            deadline=settings.deadline_seconds,
            window=settings.batch_window_ms / 1000,
            max_rows=settings.batch_max_rows,
            in_flight=settings.batches_in_flight,
            max_waiting=settings.max_waiting,
        ),
    )
    tables = Tables(
        relay,
        metrics,
        TableLimits(
            seconds=settings.table_deadline_seconds,
            seconds_a_message=settings.deadline_seconds,
            rows_a_message=settings.table_rows_a_message,
            in_flight=settings.table_messages_in_flight,
            waiting=settings.table_max_waiting,
        ),
    )
    readiness = Readiness(relay, lease, store, metrics, settings.probe_seconds)
    keys = IdempotencyKeys(store, settings.idempotency_seconds)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        await lease.start()
        await relay.start()
        await readiness.start()
        await ledger.start()
        try:
            yield
        finally:
            await batcher.close()
            tables.close()
            await ledger.stop()
            await readiness.stop()
            await relay.stop()
            await lease.stop()
            await store.aclose()

    app = Gateway(
        title="AstroScale",
        summary="A star's velocity along the line of sight, with an honest interval",
        version=importlib.metadata.version("astroscale-gateway"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    handlers = Handlers(settings, metrics, relay, batcher, tables, keys, readiness, ledger)
    handlers.add_to(app.router)
    add_docs(app)
    add_page(app, settings.static_dir)
    openapi.describe(app)
    on_error = _add_error_handlers(app, metrics)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "OPTIONS"],
            allow_headers=["content-type", "x-request-id", "x-api-key", "authorization", "idempotency-key"],
            expose_headers=["x-request-id", "retry-after", "idempotency-status"],
        )
    direct = {} if settings.cors_origins else handlers.direct()
    app.edge = Edge(super(Gateway, app).__call__, metrics, on_error, direct, access_log=settings.access_log)
    return app


def _redis(settings: RedisSettings) -> Redis:
    return Redis.from_url(
        settings.url,
        password=settings.password.get_secret_value() if settings.password else None,
        socket_connect_timeout=REDIS_SECONDS,
        socket_timeout=REDIS_SECONDS,
        retry=Retry(NoBackoff(), 0),  # what Redis gives can be done without: never make a caller wait for it
    )


def _kafka(settings: KafkaSettings, lease: PartitionLease) -> Connect:
    async def connect() -> Transport:
        client = RequestClient(settings, reply_partition=lease.partition)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await client.start()
        except BaseException:
            await client.stop()
            raise
        return client

    return connect


def _add_error_handlers(app: FastAPI, metrics: GatewayMetrics) -> OnError:
    log = logging.get("errors")

    async def ours(request: Request, error: AstroScaleError) -> Response:
        reason = error.code if error.code in errors.STATUS else "other"
        metrics.rejected.labels(reason).inc()
        if errors.status_of(error) >= 500 and error.code not in ("busy", "starting", "shutting_down"):
            log.warning("not_answered", id=request.state.request_id, code=error.code, reason=error.message)
        headers = {"connection": "close"} if error.code in ("body_too_large", "body_timeout") else None
        return errors.response(error, request.state.request_id, headers)

    async def routers(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
        if error.status_code == 405 and request.method == "OPTIONS":
            return Response(status_code=204, headers=error.headers)
        made = errors.of_status(error.status_code, error.detail)
        metrics.rejected.labels(made.code if made.code in errors.STATUS else "other").inc()
        response = errors.response(made, request.state.request_id, error.headers)
        response.status_code = error.status_code
        return response

    async def unexpected(request: Request, _error: Exception) -> Response:
        return errors.response(errors.unexpected(), request.state.request_id)  # raised on to the edge, which logs it

    handlers: dict[Any, Any] = {AstroScaleError: ours, HTTPException: routers, Exception: unexpected}
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    return ours
