"""All that is not a prediction: health, the page, headers, keys, other origins."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from astroscale_gateway.app import build_app
from astroscale_gateway.edge import route_of
from astroscale_gateway.settings import GatewaySettings
from astroscale_shared.runtime.errors import AstroScaleError
from pydantic import SecretStr

from tests.unit.gateway.conftest import Gateway
from tests.unit.gateway.fakes import VERSION, FakeTransport
from tests.unit.gateway.test_predict import settled


async def test_health(gateway: Gateway) -> None:
    async with gateway() as client:
        await settled(client)
        assert (await client.get("/healthz")).json() == {"alive": True}
        ready = (await client.get("/readyz")).json()
    assert ready["ready"] is True
    assert ready["reasons"] == []
    assert ready["redis"] == "unreachable"
    assert 0 <= ready["reply_partition"] < 16
    assert ready["reply_partition_leased"] is False


async def test_not_ready_once_replies_are_no_longer_read(gateway: Gateway) -> None:
    transport = FakeTransport()
    async with gateway(transport) as client:
        await settled(client)
        transport.running = False
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200


async def test_the_model(gateway: Gateway) -> None:
    async with gateway() as client:
        await settled(client)
        said = (await client.get("/model")).json()
    assert (said["name"], said["version"], said["slot"], said["encoding_version"]) == ("default", VERSION, "default", 1)
    assert said["card"] == {"model_type": "fake"}


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("GET", "/predict", 405), ("PUT", "/model", 405), ("GET", "/assets/../settings.py", 404), ("GET", "/assets/%2e%2e/%2e%2e/settings.py", 404)])  # fmt: skip
async def test_elsewhere(gateway: Gateway, method: str, path: str, status: int) -> None:
    async with gateway() as client:
        response = await client.request(method, path)
    assert response.status_code == status
    assert response.json()["error"]["code"] == ("not_found" if status == 404 else "method_not_allowed")


async def test_options_say_what_is_allowed(gateway: Gateway) -> None:
    async with gateway() as client:
        response = await client.options("/predict", headers={"origin": "https://elsewhere.example"})
    assert response.status_code == 204
    assert response.headers["allow"] == "POST"
    assert "access-control-allow-origin" not in response.headers


async def test_origins_by_settings(gateway: Gateway, star: dict[str, Any]) -> None:
    ask = {"origin": "https://a.example", "access-control-request-method": "POST"}
    async with gateway(cors_origins=("https://a.example",)) as client:
        await settled(client)
        preflight = await client.options("/predict", headers=ask)
        foreign = await client.options("/predict", headers={**ask, "origin": "https://b.example"})
        answer = await client.post("/predict", json=star, headers={"origin": "https://a.example"})
    assert preflight.headers["access-control-allow-origin"] == "https://a.example"
    assert "access-control-allow-origin" not in foreign.headers
    assert answer.headers["access-control-allow-origin"] == "https://a.example"


@pytest.mark.parametrize("sent", ["a b", "x" * 129, "<script>", "", "é"])
async def test_a_strange_request_id_is_replaced(gateway: Gateway, sent: str) -> None:
    async with gateway() as client:
        response = await client.get("/healthz", headers=[(b"x-request-id", sent.encode())])
    assert len(response.headers["x-request-id"]) == 32


async def test_the_key(gateway: Gateway, star: dict[str, Any]) -> None:
    async with gateway(api_key=SecretStr("open-sesame")) as client:
        await settled(client)
        statuses = [
            (await client.post("/predict", json=star, headers=headers)).status_code
            for headers in (
                {},
                {"x-api-key": "wrong"},
                {"authorization": "Basic open-sesame"},
                {"x-api-key": "open-sesame"},
                {"authorization": "Bearer open-sesame"},
            )
        ]
        model = await client.get("/model")
    assert statuses == [401, 401, 401, 200, 200]
    assert model.status_code == 401
    assert model.json()["error"]["code"] == "unauthorized"


async def test_without_redis_an_idempotency_key_is_ignored_and_it_is_said(
    gateway: Gateway, star: dict[str, Any]
) -> None:
    async with gateway() as client:
        await settled(client)
        response = await client.post("/predict", json=star, headers={"idempotency-key": "k"})
    assert response.status_code == 200
    assert response.headers["idempotency-status"] == "ignored"


async def test_an_unexpected_error_is_told_to_nobody_and_logged_once(
    gateway: Gateway, star: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    transport = FakeTransport()

    def broken(_value: bytes) -> AstroScaleError | None:
        raise ZeroDivisionError("secret")

    transport.fail = broken
    async with gateway(transport) as client:
        await settled(client)
        response = await client.post("/predict", json=star)
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal_error"
    assert "secret" not in response.text
    said = "".join(capfd.readouterr())
    assert said.count("ZeroDivisionError: secret") == 1


async def test_so_is_one_behind_the_framework(gateway: Gateway, capfd: pytest.CaptureFixture[str]) -> None:
    transport = FakeTransport()
    async with gateway(transport) as client:
        await settled(client)
        transport.model_error = ZeroDivisionError("secret")
        response = await client.get("/model", headers={"x-request-id": "mine-2"})
        transport.model_error = None
        await asyncio.sleep(0.3)
        assert (await client.get("/readyz")).status_code == 200
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal_error"
    assert response.json()["request_id"] == response.headers["x-request-id"] == "mine-2"
    said = "".join(capfd.readouterr())
    assert sum("request_failed" in line and "mine-2" in line for line in said.splitlines()) == 1


async def test_the_page(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<title>AstroScale</title>")
    (tmp_path / "favicon.svg").write_text("<svg/>")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "index-abc.js").write_text("1")
    async with gateway(static_dir=tmp_path) as client:
        page = await client.get("/")
        script = await client.get("/assets/index-abc.js")
        icon = await client.get("/favicon.svg")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-cache"
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "immutable" in script.headers["cache-control"]
    assert script.headers["content-type"].startswith(("text/javascript", "application/javascript"))
    assert icon.status_code == 200


async def test_a_page_that_is_not_built_says_how(gateway: Gateway, tmp_path: Path) -> None:
    async with gateway(static_dir=tmp_path / "nothing") as client:
        page = await client.get("/", headers={"accept": "text/html"})
        asked_json = await client.get("/")
        asset = await client.get("/assets/index-abc.js")
    assert page.status_code == asked_json.status_code == asset.status_code == 404
    assert "make setup" in page.text
    assert asked_json.json()["error"]["code"] == "page_not_built"
    assert asset.json()["error"]["code"] == "not_found"


async def test_the_documentation_fetches_nothing_from_elsewhere(gateway: Gateway) -> None:
    async with gateway() as client:
        docs = await client.get("/docs")
        script = await client.get("/docs/assets/swagger-ui-bundle.js")
        described = await client.get("/openapi.json")
    assert docs.status_code == script.status_code == described.status_code == 200
    assert "http" not in docs.text.replace("https://fastapi", "")
    assert "'sha256-" in docs.headers["content-security-policy"]


async def test_measures_name_only_known_routes(gateway: Gateway, star: dict[str, Any]) -> None:
    async with gateway() as client:
        await settled(client)
        await client.post("/predict", json=star)
        await client.get("/some/made-up/path")
        text = (await client.get("/metrics")).text
    assert 'astroscale_gateway_requests_total{route="/predict",status="200"} 1.0' in text
    assert 'astroscale_gateway_requests_total{route="other",status="404"} 1.0' in text
    assert 'astroscale_gateway_request_duration_seconds_count{route="/predict"} 1.0' in text
    assert "astroscale_gateway_batch_rows_count 1.0" in text
    assert "astroscale_gateway_relay_duration_seconds_count 1.0" in text
    assert "made-up" not in text


def test_routes_are_templates() -> None:
    assert [
        route_of(p) for p in ("/predict", "/predict/batch", "/assets/x.js", "/docs/assets/x.js", "/predict/1", "//")
    ] == [
        "/predict",
        "/predict/batch",
        "/assets/*",
        "/assets/*",
        "other",
        "other",
    ]


def test_half_a_certificate_is_refused() -> None:
    with pytest.raises(ValueError, match="belong together"):
        GatewaySettings(tls_certfile=Path("cert.pem"))


def test_no_secret_in_the_settings_text() -> None:
    assert "sesame" not in repr(GatewaySettings(api_key=SecretStr("open-sesame")))
    assert build_app(GatewaySettings()).title == "AstroScale"
