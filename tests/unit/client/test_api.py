"""The Python client over a real connection."""

import math
import time
from typing import Any

import pyarrow as pa
import pytest
from astroscale_client import AstroScale, AstroScaleError, Prediction, RefusedError, results

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
    stars: list[dict[str, Any]] = [{"ra": float(i), "dec": "north" if i == 7 else 1.0} for i in range(2_500)]
    stars[9]["fe_h"], stars[11]["temperature"] = math.inf, 5_000
    with AstroScale(gateway.url) as scale:
        answers = scale.predict_many(stars)
    for row, said in ((7, "dec is north"), (9, "fe_h is inf"), (11, "temperature is no input")):
        refused = answers[row]
        assert isinstance(refused, RefusedError)
        assert refused.message.startswith(said)
    velocities = [r.radial_velocity_kms for r in answers if isinstance(r, Prediction)]
    assert velocities == [float(i) for i in range(2_500) if i not in (7, 9, 11)]
    refused = answers[7]
    assert isinstance(refused, RefusedError)
    assert refused.fields[0]["allowed"] == "[-90, 90] deg"


async def test_many_works_where_a_loop_runs_already_as_in_a_notebook(gateway: FakeGateway) -> None:
    with AstroScale(gateway.url) as scale:
        assert len(scale.predict_many([{"ra": 1.0, "dec": 2.0}])) == 1
        assert scale.predict_many([]) == []
        assert scale.predict_table({"ra": [1.0], "dec": [2.0]}).num_rows == 1


def test_many_ends_where_the_key_is_wrong(gateway: FakeGateway) -> None:
    gateway.of_batch = lambda: (401, {}, {"error": {"code": "unauthorized", "message": "a key is needed"}})
    with AstroScale(gateway.url) as scale, pytest.raises(AstroScaleError, match="a key is needed"):
        scale.predict_many([{"ra": 1.0, "dec": 2.0}] * 5)


def test_a_table_comes_back_with_its_predictions_beside_it(gateway: FakeGateway) -> None:
    table = pa.table({"id": ["a", "b", "c"], "ra": [1, 2, 3], "dec": [1.0, None, 1.0], "rv_kms": [10.0, 20.0, None]})
    with AstroScale(gateway.url) as scale:
        done = scale.predict_table(table)
    assert done.column_names == ["id", "ra", "dec", "rv_kms", *results.ADDED]
    assert done.select(table.column_names).equals(table)
    assert done.column("radial_velocity_kms").to_pylist() == [1.0, None, 3.0]
    assert done.column("tail_probability").to_pylist() == [pytest.approx(0.1), None, None]
    assert done.column("error").to_pylist() == [None, "dec is None; allowed is [-90, 90] deg", None]
    assert done.column("flags").to_pylist() == ["missing_teff", None, "missing_teff"]


def test_what_is_no_table_of_stars_is_said(gateway: FakeGateway) -> None:
    with AstroScale(gateway.url) as scale:
        with pytest.raises(AstroScaleError, match="has no column dec"):
            scale.predict_table({"ra": [1.0]})
        with pytest.raises(AstroScaleError, match="is no table"):
            scale.predict_table(5)


def test_a_busy_gateway_is_asked_for_a_table_again(gateway: FakeGateway) -> None:
    answers = iter([busy()] * 8)
    gateway.of_batch = lambda: next(answers, None)
    with AstroScale(gateway.url, retries=1) as scale:
        assert scale.predict_table({"ra": [1.0], "dec": [2.0]}).column("error").null_count == 1
    assert len(gateway.batches) == 9


@pytest.mark.parametrize("content", [b"<html>", b""])
def test_an_answer_that_is_no_table_is_said(gateway: FakeGateway, content: bytes) -> None:
    gateway.of_batch = lambda: (200, {}, content)
    with AstroScale(gateway.url) as scale:
        with pytest.raises(AstroScaleError, match="is it AstroScale"):
            scale.predict_table({"ra": [1.0], "dec": [2.0]})
        with pytest.raises(AstroScaleError, match="is it AstroScale"):
            scale.predict_many([{"ra": 1.0, "dec": 2.0}])


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
