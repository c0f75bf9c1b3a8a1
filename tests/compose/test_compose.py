"""The system in containers does what it does on one machine, and its containers are as closed as they say."""

import asyncio
import json
import subprocess
import time
from datetime import datetime
from typing import Any

import httpx
import pytest
from astroscale_shared.messaging import clients, ledger, topics
from astroscale_shared.runtime.settings import KafkaSettings

from deploy.grafana.panels import SECTIONS
from tests.compose.conftest import SERVICES, System, docker
from tests.support.deploy import ROOT

# The first test waits for the images to be built, too.
pytestmark = [pytest.mark.compose, pytest.mark.timeout(1800)]

STAR = {"ra": 200.12, "dec": -47.33, "teff": 5800, "logg": 4.3, "fe_h": 0, "snr": 100, "parallax": 7.2}
SAMPLE_ROWS = len((ROOT / "data/sample/mock_catalogue.csv").read_text("utf-8").splitlines()) - 1
QUERIES = [(panel.title, query) for section in SECTIONS for panel in section.panels for query in panel.queries]
NOT_YET = {"Time a round takes", "Candidate"}
"""Panels with nothing to show before a federation has run, or a candidate was put into the shadow slot."""


def kafka_of(system: System) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=system.kafka_bootstrap)


async def stages(system: System) -> tuple[ledger.StageTotals, ledger.StageTotals]:
    """The ledger's sums of the preprocessor and of inference."""
    sums = ledger.add_up(await ledger.read(kafka_of(system)))
    return sums.get("preprocessor", ledger.StageTotals()), sums.get("inference", ledger.StageTotals())


async def settled(system: System, rows: int) -> tuple[ledger.StageTotals, ledger.StageTotals]:
    """The ledger once `rows` came in and none of them is on its way."""
    end = time.monotonic() + 60
    while True:
        encoded, scored = await stages(system)
        if encoded.rows_in >= rows and encoded.rows_out == scored.rows_in and encoded.adds_up and scored.adds_up:
            return encoded, scored
        assert time.monotonic() < end, f"{encoded} {scored}"
        await asyncio.sleep(0.3)


def test_a_star_gets_its_velocity(system: System) -> None:
    answer = httpx.post(f"{system.gateway_url}/predict", json=STAR, timeout=10)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {
        "predicted_z",
        "radial_velocity_kms",
        "interval",
        "quantiles_kms",
        "flags",
        "model",
        "request_id",
    }
    assert body["interval"]["lower_kms"] <= body["radial_velocity_kms"] <= body["interval"]["upper_kms"]
    assert body["model"]["name"] == "default"


def test_the_page_and_the_model_are_there(system: System) -> None:
    page = httpx.get(system.gateway_url)
    assert page.status_code == 200
    assert "text/html" in page.headers["content-type"]
    assert "AstroScale" in page.text
    model = httpx.get(f"{system.gateway_url}/model", timeout=10).json()
    shipped = {folder.name for folder in (ROOT / "models/default").iterdir()}
    assert (model["slot"], model["version"] in shipped) == ("default", True)


async def test_the_sample_streams_through_once(system: System) -> None:
    first, scored = await settled(system, SAMPLE_ROWS)
    assert first.rows_in == SAMPLE_ROWS
    assert first.rows_rejected + scored.rows_out + scored.rows_rejected == SAMPLE_ROWS
    assert scored.rows_out > 0.9 * SAMPLE_ROWS
    system.run("up", "--wait")  # the jobs run again, and find nothing to do
    again, _ = await settled(system, SAMPLE_ROWS)
    assert again.rows_in == SAMPLE_ROWS


async def test_anyone_on_this_machine_may_publish(system: System) -> None:
    before, _ = await stages(system)
    producer = clients.producer(kafka_of(system))
    await producer.start()
    try:
        for ra in (10.0, 400.0):
            await producer.send_and_wait(topics.RAW, json.dumps(STAR | {"ra": ra}).encode())
    finally:
        await producer.stop()
    after, _ = await settled(system, before.rows_in + 2)
    assert (after.rows_out - before.rows_out, after.rows_rejected - before.rows_rejected) == (1, 1)


@pytest.mark.parametrize("service", SERVICES)
def test_ours_are_no_root_and_cannot_write(system: System, service: str) -> None:
    container = system.container(service)
    inside = json.loads(docker("inspect", container))[0]
    assert inside["HostConfig"]["ReadonlyRootfs"] is True
    assert inside["HostConfig"]["CapDrop"] == ["ALL"]
    assert docker("exec", container, "id", "-u").strip() == "10001"
    wrote = subprocess.run(
        ["docker", "exec", container, "touch", "/app/x"], capture_output=True, text=True, check=False
    )
    assert "Read-only file system" in wrote.stderr
    environment = docker("exec", container, "env").splitlines()
    assert "OMP_NUM_THREADS=1" in environment


@pytest.mark.parametrize("service", [*SERVICES, "init"])
def test_images_hold_no_secret_and_nothing_that_builds(system: System, service: str) -> None:
    image = json.loads(docker("inspect", system.container(service)))[0]["Image"]
    history = docker("history", "--no-trunc", image)
    config = docker("inspect", image)
    assert system.password not in history + config
    assert "PASSWORD" not in config
    tools = "for tool in pip uv npm node gcc cc make git; do command -v $tool; done; python -c 'import pip'"
    found = subprocess.run(
        ["docker", "run", "--rm", "--network=none", "--entrypoint=sh", image, "-c", tools],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""
    assert "No module named 'pip'" in found.stderr


def test_prometheus_takes_our_files(system: System) -> None:
    for check in ("check config prometheus.yml", "check config local.yml", "test rules alerts.test.yml"):
        system.run("exec", "-T", "-w", "/etc/prometheus", "prometheus", "promtool", *check.split())


def test_prometheus_sees_every_service(system: System) -> None:
    end = time.monotonic() + 30
    while True:
        targets = ask(system, "/api/v1/targets", state="active")["activeTargets"]
        states = {target["labels"]["job"]: target["health"] for target in targets}
        if states == dict.fromkeys(SERVICES, "up"):
            return
        assert time.monotonic() < end, states
        time.sleep(0.5)


def test_every_panel_gets_an_answer(system: System) -> None:
    """Queries that cannot be read fail at once; those without a series get some scrapes' time."""
    httpx.post(f"{system.gateway_url}/predict", json=STAR | {"ra": 400})
    httpx.post(f"{system.gateway_url}/predict", json=STAR)
    waiting = {(title, query.expr) for title, query in QUERIES if title not in NOT_YET}
    end = time.monotonic() + 40
    while True:
        waiting = {(title, query) for title, query in waiting if not series(system, query)}
        if not waiting:
            break
        assert time.monotonic() < end, waiting
        time.sleep(1)
    for title, query in QUERIES:
        if title in NOT_YET:
            series(system, query.expr)


def test_no_alert_fires(system: System) -> None:
    alerts = ask(system, "/api/v1/alerts")["alerts"]
    assert [alert["labels"] for alert in alerts if alert["state"] == "firing"] == []


def test_grafana_answers(system: System) -> None:
    assert httpx.get(f"{system.url('grafana', 3000)}/api/health").status_code == 200


def test_sigterm_stops_all_in_order_and_soon(system: System) -> None:
    """Last, since it ends the system: the gateway first, the broker last, each by itself."""
    began = time.monotonic()
    system.run("stop")
    assert time.monotonic() - began < 20
    ended: dict[str, datetime] = {}
    for service in (*SERVICES, "redis", "kafka"):
        state = json.loads(docker("inspect", system.container(service)))[0]["State"]
        # A Java virtual machine ends orderly with 143; 137 would mean that it had to be killed.
        assert state["ExitCode"] == (143 if service == "kafka" else 0), f"{service}: {state}"
        ended[service] = datetime.fromisoformat(state["FinishedAt"])
    assert ended["gateway"] < min(ended["inference"], ended["preprocessor"])
    assert max(ended, key=lambda service: ended[service]) == "kafka"


def ask(system: System, path: str, **parameters: str) -> dict[str, Any]:
    """What Prometheus answers; fails with its reason."""
    answer = httpx.get(f"{system.prometheus_url}{path}", params=parameters, timeout=10).json()
    assert answer["status"] == "success", answer
    return answer["data"]


def series(system: System, expression: str) -> list[dict[str, Any]]:
    """The series of a panel's query now."""
    return ask(system, "/api/v1/query", query=expression.replace("$__rate_interval", "1m"))["result"]
