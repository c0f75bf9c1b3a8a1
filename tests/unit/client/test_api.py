"""The Python client over a real connection."""

import time
from typing import Any

import pytest
from astroscale_client import AstroScale, AstroScaleError, Prediction, RefusedError

from tests.unit.client.fake_gateway import Answer, FakeGateway, busy


def test_predict_gives_a_typed_prediction(gateway: FakeGateway) -> None:
    with AstroScale(gateway.url) as scale:
        star = scale.predict(ra=200.12, dec=-47.33, teff=5800, logg=4.3, fe_h=0.0, snr=100, parallax=7.2)
    assert star.radial_velocity_kms == pytest.approx(200.12)
    assert star.interval.lower_kms < star.radial_velocity_kms < star.interval.upper_kms
    assert star.model.name == "default"
    assert gateway.requests[0]["parallax"] == 7.2


def test_a_refused_star_raises_with_its_fields(gateway: FakeGateway) -> None:
    with AstroScale(gateway.url) as scale, pytest.raises(RefusedError, match="dec is None; allowed is") as raised:
        scale.predict(ra=1.0, dec=None)  # pyright: ignore[reportArgumentType]
    assert raised.value.fields[0]["field"] == "dec"


def test_a_busy_gateway_is_asked_again_after_the_time_it_names(gateway: FakeGateway) -> None:
    answers = iter([busy("1"), busy("0")])
    gateway.behaviour = lambda _: next(answers, None)
    began = time.monotonic()
    with AstroScale(gateway.url) as scale:
        scale.predict(ra=1.0, dec=2.0)
    assert time.monotonic() - began >= 1.0
    assert len(gateway.requests) == 3


def test_a_gateway_that_stays_busy_is_an_error(gateway: FakeGateway) -> None:
    gateway.behaviour = lambda _: busy()
    with (
        AstroScale(gateway.url, retries=2) as scale,
        pytest.raises(AstroScaleError, match="too many requests") as raised,
    ):
        scale.predict(ra=1.0, dec=2.0)
    assert raised.value.code == "busy"
    assert len(gateway.requests) == 3


def test_no_gateway_is_said_with_its_address() -> None:
    with AstroScale("http://127.0.0.1:1", retries=1) as scale, pytest.raises(AstroScaleError) as raised:
        scale.predict(ra=1.0, dec=2.0)
    assert raised.value.code == "gateway_unreachable"
    assert "http://127.0.0.1:1 does not answer" in raised.value.message


def test_a_gateway_that_answers_too_late_is_said(gateway: FakeGateway) -> None:
    def slow(_: dict[str, Any]) -> Answer | None:
        time.sleep(0.5)
        return None

    gateway.behaviour = slow
    with AstroScale(gateway.url, timeout=0.1, retries=0) as scale, pytest.raises(AstroScaleError, match="in time"):
        scale.predict(ra=1.0, dec=2.0)


def test_another_server_is_recognised(gateway: FakeGateway) -> None:
    gateway.behaviour = lambda _: (200, {}, b"<html>")
    with AstroScale(gateway.url) as scale, pytest.raises(AstroScaleError, match="is it AstroScale"):
        scale.predict(ra=1.0, dec=2.0)


def test_many_come_back_in_order_with_errors_in_place(gateway: FakeGateway) -> None:
    stars = [{"ra": float(i), "dec": "north" if i == 7 else 1.0} for i in range(50)]
    with AstroScale(gateway.url) as scale:
        results = scale.predict_many(stars, concurrency=8)
    assert isinstance(results[7], RefusedError)
    velocities = [r.radial_velocity_kms for r in results if isinstance(r, Prediction)]
    assert velocities == [float(i) for i in range(50) if i != 7]


async def test_many_works_where_a_loop_runs_already_as_in_a_notebook(gateway: FakeGateway) -> None:
    with AstroScale(gateway.url) as scale:
        assert len(scale.predict_many([{"ra": 1.0, "dec": 2.0}])) == 1


def test_many_ends_where_the_key_is_wrong(gateway: FakeGateway) -> None:
    gateway.behaviour = lambda _: (401, {}, {"error": {"code": "unauthorized", "message": "a key is needed"}})
    with AstroScale(gateway.url) as scale, pytest.raises(AstroScaleError, match="a key is needed"):
        scale.predict_many([{"ra": 1.0, "dec": 2.0}] * 5)


def test_a_fault_of_one_star_does_not_end_the_others(gateway: FakeGateway) -> None:
    fault: Answer = (500, {}, {"error": {"code": "internal_error", "message": "something broke"}})
    gateway.behaviour = lambda star: fault if star["ra"] == 1.0 else None
    with AstroScale(gateway.url) as scale:
        results = scale.predict_many([{"ra": float(i), "dec": 2.0} for i in range(3)])
    assert [type(r) is Prediction for r in results] == [True, False, True]


def test_a_key_is_sent(gateway: FakeGateway) -> None:
    with AstroScale(gateway.url, api_key="k-1") as scale:
        scale.predict(ra=1.0, dec=2.0)
    assert gateway.headers["x-api-key"] == "k-1"


def test_model_and_readiness(gateway: FakeGateway) -> None:
    with AstroScale(gateway.url) as scale:
        assert scale.model()["slot"] == "default"
        assert scale.readiness() == {"ready": True, "reasons": []}


def test_a_proxy_is_not_asked_for_this_machine(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with AstroScale(gateway.url) as scale:
        assert scale.predict(ra=1.0, dec=2.0)
        assert scale.predict_many([{"ra": 1.0, "dec": 2.0}])
