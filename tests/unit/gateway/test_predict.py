"""POST /predict as a caller sees it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pyarrow as pa
import pytest
from astroscale_gateway.schemas import PredictRequest, PredictResponse
from astroscale_shared.messaging import codec
from astroscale_shared.runtime.errors import AstroScaleError
from pydantic import ValidationError

from tests.unit.gateway.conftest import Gateway
from tests.unit.gateway.fakes import VERSION, FakeTransport, reply_to, velocity_of


async def settled(client: httpx.AsyncClient) -> None:
    """The relay is connected: it connects in the background."""
    for _ in range(200):
        if (await client.get("/readyz")).status_code == 200:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("never ready")


async def test_a_star_is_answered(gateway: Gateway, star: dict[str, Any]) -> None:
    async with gateway() as client:
        await settled(client)
        response = await client.post("/predict", json=star)
    assert response.status_code == 200
    said = response.json()
    PredictResponse.model_validate(said, strict=True)
    velocity = velocity_of(star["ra"], star["dec"])
    assert said["radial_velocity_kms"] == pytest.approx(velocity, rel=1e-6)
    assert said["predicted_z"] == pytest.approx(velocity / 299_792.458, rel=1e-6)
    assert said["interval"]["level"] == 0.9
    assert said["interval"]["lower_kms"] == said["quantiles_kms"]["q05"] == pytest.approx(velocity - 30, rel=1e-6)
    assert said["interval"]["upper_z"] == pytest.approx((velocity + 30) / 299_792.458, rel=1e-6)
    assert said["flags"] == []
    assert said["model"] == {"name": "default", "version": VERSION, "encoding_version": 1}
    assert said["request_id"] == response.headers["x-request-id"]


async def test_what_is_missing_or_strange_is_flagged(gateway: Gateway, star: dict[str, Any]) -> None:
    async with gateway() as client:
        await settled(client)
        response = await client.post("/predict", json={**star, "teff": 30_000, "fe_h": None})
    assert response.json()["flags"] == ["missing_fe_h", "out_of_range_teff"]


async def test_callers_at_once_share_messages_and_get_their_own_answers(gateway: Gateway, star: dict[str, Any]) -> None:
    transport = FakeTransport()
    async with gateway(transport) as client:
        await settled(client)
        responses = await asyncio.gather(*(client.post("/predict", json={**star, "ra": i}) for i in range(100)))
    said = [r.json()["radial_velocity_kms"] for r in responses]
    assert said == pytest.approx([velocity_of(i, star["dec"]) for i in range(100)], rel=1e-5)
    assert sum(transport.rows) == 100
    assert len(transport.rows) < 50


async def test_the_description_and_the_reader_agree(gateway: Gateway, star: dict[str, Any]) -> None:
    cases: list[dict[str, Any]] = [
        star,
        {**star, "pmra": 1.0, "pmdec": None},
        {**star, "ra": 360},
        {**star, "teff": 0},
        {**star, "dec": -90},
        {**star, "snr": None},
        {**star, "dec": None},
        {**star, "rv_kms": 1},
        {k: v for k, v in star.items() if k != "snr"},
    ]
    async with gateway() as client:
        await settled(client)
        for case in cases:
            response = await client.post("/predict", json=case)
            try:
                PredictRequest.model_validate(case)
            except ValidationError:
                assert response.status_code == 422, case
            else:
                assert response.status_code == 200, case


async def test_an_offence_has_the_shape_of_all_errors(gateway: Gateway, star: dict[str, Any]) -> None:
    async with gateway() as client:
        response = await client.post("/predict", json={**star, "ra": 361}, headers={"x-request-id": "mine-1"})
    assert response.status_code == 422
    assert response.json() == {
        "error": {
            "code": "invalid_star",
            "message": "ra is 361; allowed is a number in [0, 360) deg",
            "fields": [
                {
                    "field": "ra",
                    "value": 361,
                    "allowed": "a number in [0, 360) deg",
                    "message": "ra is 361; allowed is a number in [0, 360) deg",
                }
            ],
        },
        "request_id": "mine-1",
    }


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", {"content-type": "application/json"}, 422, "bad_json"),
        (b"[]", {"content-type": "application/json; charset=utf-8"}, 422, "not_an_object"),
        (b"ra=1", {"content-type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
        (b"{}", {}, 415, "unsupported_media_type"),
        (b"{}", {"content-type": "application/json", "content-encoding": "gzip"}, 415, "unsupported_media_type"),
        (b" " * 65_537, {"content-type": "application/json"}, 413, "body_too_large"),
    ],
)
async def test_bodies_that_are_not_read(
    gateway: Gateway, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    async with gateway() as client:
        response = await client.post("/predict", content=content, headers=headers)
    assert response.status_code == status
    assert response.json()["error"]["code"] == code


async def test_a_chunked_body_over_the_limit(gateway: Gateway) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1000

    async with gateway() as client:
        response = await client.post("/predict", content=chunks(), headers={"content-type": "application/json"})
    assert response.status_code == 413


async def test_a_chunked_body_within_it(gateway: Gateway, star: dict[str, Any]) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for byte in json.dumps(star).encode():
            yield bytes([byte])

    async with gateway() as client:
        await settled(client)
        response = await client.post("/predict", content=chunks(), headers={"content-type": "application/json"})
    assert response.status_code == 200


async def test_a_body_that_never_ends(gateway: Gateway) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(5)

    async with gateway(body_timeout_seconds=0.05) as client:
        response = await client.post("/predict", content=chunks(), headers={"content-type": "application/json"})
    assert response.status_code == 408


async def test_no_answer_within_the_deadline(gateway: Gateway, star: dict[str, Any]) -> None:
    transport = FakeTransport()
    async with gateway(transport, deadline_seconds=0.05) as client:
        await settled(client)
        transport.gate.clear()
        response = await client.post("/predict", json=star)
    assert response.status_code == 504
    assert response.json()["error"]["code"] == "deadline_exceeded"


async def test_too_many_waiting(gateway: Gateway, star: dict[str, Any]) -> None:
    transport = FakeTransport()
    async with gateway(transport, max_waiting=3) as client:
        await settled(client)
        transport.gate.clear()
        waiting = [asyncio.create_task(client.post("/predict", json=star)) for _ in range(3)]
        await asyncio.sleep(0.05)
        refused = await client.post("/predict", json=star)
        metrics = (await client.get("/metrics")).text
        transport.gate.set()
        answered = await asyncio.gather(*waiting)
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"]["code"] == "busy"
    assert [r.status_code for r in answered] == [200, 200, 200]
    assert "astroscale_gateway_waiting 3.0" in metrics
    assert 'astroscale_gateway_rejected_total{reason="busy"} 1.0' in metrics


async def test_before_the_broker_is_there(gateway: Gateway, star: dict[str, Any]) -> None:
    class Unreachable(FakeTransport):
        async def start(self) -> None:
            raise OSError("no broker")

    async with gateway(Unreachable()) as client:
        response = await client.post("/predict", json=star)
        ready = await client.get("/readyz")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "starting")
    assert ready.status_code == 503
    assert ready.json()["reasons"] == ["the broker is not reached yet"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AstroScaleError("no_model", "no model is in service yet", retryable=True), 503),
        (AstroScaleError("kafka_unreachable", "the broker does not answer", retryable=True), 503),
        (AstroScaleError("something_new", "a later inference's word", retryable=True), 503),
        (AstroScaleError("not_finite_prediction", "no finite velocity"), 500),
    ],
)
async def test_what_inference_says_goes_through(
    gateway: Gateway, star: dict[str, Any], error: AstroScaleError, status: int
) -> None:
    transport = FakeTransport()
    transport.fail = lambda _value: error
    async with gateway(transport) as client:
        await settled(client)
        response = await client.post("/predict", json=star)
    assert response.status_code == status
    assert response.json()["error"] == {"code": error.code, "message": error.message, "fields": []}
    assert ("retry-after" in response.headers) == (status == 503)


def _without(value: bytes, column: str) -> bytes:
    batch = codec.from_trusted(reply_to(value))
    return codec.to_bytes(batch.drop_columns([column]))


@pytest.mark.parametrize(
    "reply",
    [
        lambda _: b"",
        lambda _: b"\xff" * 64,
        lambda value: reply_to(value)[:200],
        lambda value: _without(value, "q95"),
        lambda value: codec.to_bytes(codec.from_trusted(reply_to(value)).slice(0, 0)),
        lambda _: codec.to_bytes(pa.record_batch({"q05": [1.0]})),
    ],
)
async def test_a_reply_that_cannot_be_read(gateway: Gateway, star: dict[str, Any], reply: Any) -> None:
    transport = FakeTransport()
    transport.reply = reply
    async with gateway(transport) as client:
        await settled(client)
        response = await client.post("/predict", json=star)
    assert response.status_code == 503
    assert "Traceback" not in response.text
