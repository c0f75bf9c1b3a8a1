import json
import socket
from collections.abc import Generator
from pathlib import Path

import pytest
from astroscale_local import plan, ports
from astroscale_local.errors import LocalError

from tests.support.system import free_port_settings


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in free_port_settings(tmp_path).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def taken() -> Generator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_port_0_is_settled_before_anything_starts() -> None:
    made = plan.make()

    listening = [made.kafka_port, made.redis_port, *(one.port for one in made.services)]
    assert 0 not in listening
    assert len(set(listening)) == len(listening)
    assert made.env["ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS"] == f"127.0.0.1:{made.kafka_port}"
    assert made.env["ASTROSCALE_REDIS__URL"] == f"redis://127.0.0.1:{made.redis_port}/0"


def test_the_gateway_is_started_last_and_is_told_its_port() -> None:
    gateway = plan.make().services[-1]

    assert gateway.service == "gateway"
    assert gateway.env == {"ASTROSCALE_GATEWAY__PORT": str(gateway.port)}


def test_a_taken_port_is_named_with_the_setting_that_moves_it(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASTROSCALE_GATEWAY__PORT", str(taken))

    with pytest.raises(LocalError) as told:
        plan.make()

    assert str(taken) in told.value.message
    assert "ASTROSCALE_GATEWAY__PORT" in told.value.way_out


def test_somebody_elses_kafka_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS", "kafka.example.org:9092")

    made = plan.make()

    assert made.kafka_port is None
    assert made.env["ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS"] == "kafka.example.org:9092"


def test_a_registry_in_a_bucket_is_passed_on_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASTROSCALE_REGISTRY__ROOT", "s3://bucket/models")
    assert plan.make().env["ASTROSCALE_REGISTRY__ROOT"] == "s3://bucket/models"


def test_replicas_have_names_and_ports_of_their_own() -> None:
    made = plan.make({"inference": 3})

    named = {one.name: one.port for one in made.services if one.service == "inference"}
    assert list(named) == ["inference", "inference-2", "inference-3"]
    assert len(set(named.values())) == 3


def test_the_federation_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASTROSCALE_FEDERATION__ENABLED", "false")

    assert "federation" not in {one.service for one in plan.make().services}


@pytest.mark.parametrize("text", ["inference", "inference=0", "inference=x", "kafka=2", "inference=99", "=2"])
def test_replicas_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(LocalError, match="not understood"):
        plan.parse_replicas([text])


def test_the_plan_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASTROSCALE_KAFKA__SASL_PASSWORD", "hush-hush")

    assert "hush" not in json.dumps(dict(plan.make().env))


def test_free_ports_are_free_and_given_once() -> None:
    given = [ports.free_port() for _ in range(20)]

    assert len(set(given)) == 20
    assert all(ports.is_free(port) for port in given)
