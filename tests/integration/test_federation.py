"""Federations of real processes over the real broker."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from astroscale_federation import ledger
from astroscale_federation.domain.local import LocalStars
from astroscale_federation.domain.moments import moments_of, pool, standardise
from astroscale_federation.messages import CreateFederation, FederationState, Plan, RoundClosed
from astroscale_federation.tables import read as read_table
from astroscale_local.ports import free_port
from astroscale_shared.messaging import announcements, clients, provisioning, topics
from astroscale_shared.registry import Registry
from astroscale_shared.runtime.settings import KafkaSettings
from astroscale_shared.stars.encoding import encode

from tests.support.servers import RunningKafka

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data" / "stars" / "multi_survey.csv"
SAMPLE = ROOT / "data" / "sample" / "mock_catalogue.csv"
ARCHIVES = {"apogee": ["APOGEE*"], "galah": ["GALAH*"]}


class Processes:
    """Starts the federation's processes and ends what is left of them."""

    def __init__(self, kafka: KafkaSettings, folder: Path) -> None:
        self.kafka = kafka
        self.registry = folder / "registry"
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []
        self._env = os.environ | {
            "ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "ASTROSCALE_REGISTRY__ROOT": str(self.registry),
            "ASTROSCALE_FEDERATION__METRICS_PORT": "0",
            "ASTROSCALE_FEDERATION__HEARTBEAT_S": "1",
            "ASTROSCALE_FEDERATION__WORKER_TIMEOUT_S": "5",
        }

    def start(self, name: str, *arguments: str, service: str = "federation", **env: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"astroscale_{service}", *arguments]
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(command, env=self._env | env, stderr=log, cwd=ROOT)
        self._running.append(process)
        return process

    def said(self, name: str, event: str) -> list[dict[str, Any]]:
        lines = (self._folder / f"{name}.log").read_text().splitlines()
        return [line for line in map(json.loads, lines) if line["event"] == event]

    def astroscale(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "astroscale_client.cli", *arguments]
        return subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=60, check=False)

    def stop(self) -> None:
        for process in self._running:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self._running:
            process.wait(20)


def ask(port: int, path: str) -> str:
    """What a health server answers with 200, else nothing."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return ""


def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The arguments of each archive's worker: two surveys, or the sample's halves where there are no surveys."""
    if REAL.is_file():
        return {name: ["--table", str(REAL), "--survey", *surveys] for name, surveys in ARCHIVES.items()}
    head, *rows = SAMPLE.read_text().splitlines()
    found: dict[str, list[str]] = {}
    for number, name in enumerate(ARCHIVES):
        path = tmp_path_factory.mktemp("tables") / f"{name}.csv"
        path.write_text("\n".join([head, *rows[number::2]]))
        found[name] = ["--table", str(path)]
    return found


@pytest.fixture(scope="module")
def processes(kafka: RunningKafka, tmp_path_factory: pytest.TempPathFactory) -> Generator[Processes]:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    asyncio.run(provisioning.create_topics(settings))
    found = Processes(settings, tmp_path_factory.mktemp("federation"))
    yield found
    found.stop()


@pytest.fixture(scope="module")
def coordinator(processes: Processes) -> subprocess.Popen[bytes]:
    return processes.start("coordinator", "coordinator")


@pytest.fixture(scope="module")
def workers(
    processes: Processes, coordinator: subprocess.Popen[bytes], tables: dict[str, list[str]]
) -> dict[str, subprocess.Popen[bytes]]:
    found = {name: processes.start(name, "worker", "--id", name, *arguments) for name, arguments in tables.items()}
    for name in found:
        until(lambda name=name: processes.said(name, "joined"))
    return found


def create(processes: Processes, federation: str, **plan: float) -> None:
    """As the command does, without the second that a new process takes: the tests look into the first rounds."""

    async def send() -> None:
        command = CreateFederation(federation=federation, plan=Plan.model_validate(plan), created_at=datetime.now(UTC))
        producer = clients.producer(processes.kafka)
        await producer.start()
        await producer.send_and_wait(
            topics.FEDERATION_COMMANDS, command.model_dump_json().encode(), key=federation.encode()
        )
        await producer.stop()

    asyncio.run(send())


def state(processes: Processes, federation: str) -> FederationState:
    return asyncio.run(ledger.state(processes.kafka, federation))


def exists(processes: Processes, federation: str) -> bool:
    return federation in asyncio.run(ledger.states(processes.kafka))


def over(processes: Processes, federation: str) -> FederationState:
    async def last() -> FederationState:
        async with asyncio.timeout(90):
            return [one async for one in ledger.follow(processes.kafka, federation)][-1]

    return asyncio.run(last())


def records(processes: Processes, federation: str) -> list[RoundClosed]:
    return asyncio.run(ledger.records(processes.kafka, federation))


def pooled_r2(tables: dict[str, list[str]], ridge: float) -> float:
    """R2, on the stars kept aside, of the ridge regression on the pooled training stars."""
    archives = [LocalStars(read_table(Path(one[1]), one[3:])[0]) for one in tables.values()]
    inputs = np.vstack([one.inputs for one in archives])
    target = np.concatenate([one.target for one in archives])
    scaling = pool({"all": moments_of(inputs)})
    z = standardise(inputs, scaling)
    penalty = np.diag([*[ridge] * (z.shape[1] - 1), 0.0])
    weights = np.asarray(np.linalg.solve(z.T @ z / len(z) + penalty, z.T @ target / len(z)), dtype=np.float64)
    n, first, second, residual = np.sum([one.validate(weights, scaling) for one in archives], axis=0)
    return float(1 - residual / (second - first**2 / n))


def _arrays(found: Any) -> list[Any]:
    return list(found)  # onnxruntime's types allow for outputs that this contract has not


def test_five_rounds_of_two_archives_publish_a_model(
    processes: Processes, workers: dict[str, Any], tables: dict[str, list[str]]
) -> None:
    done = processes.astroscale("federation", "create", "--id", "five", "--rounds", "5", "--follow")
    assert done.returncode == 0, done.stderr

    last = state(processes, "five")
    assert [one.phase for one in records(processes, "five")] == ["moments", *["train"] * 5, "calibrate"]
    for record in records(processes, "five"):
        assert [one.worker for one in record.participants] == ["apogee", "galah"]
        assert not record.excluded
    slot = asyncio.run(announcements.latest(processes.kafka))["federated-five"]
    assert slot.address == last.model
    onnx, card = Registry(processes.registry).load(slot.name, slot.version)
    assert card.parity.passed
    assert abs(card.metrics["r2"].value - pooled_r2(tables, last.plan.ridge)) < 0.01
    assert all(one.coverage > 0.86 for one in card.calibration)

    stars, _ = read_table(SAMPLE)
    session = onnxruntime.InferenceSession(onnx)
    velocity, quantiles = _arrays(session.run(None, {"features": encode(stars).features}))
    assert np.isfinite(velocity).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert ((quantiles[:, :1] <= velocity) & (velocity <= quantiles[:, -1:])).all()

    listed = json.loads(processes.astroscale("federation", "list", "--json").stdout)
    assert ("five", "finished") in [(one["federation"], one["status"]) for one in listed]
    shown = processes.astroscale("federation", "show", "five")
    assert "round 5" in shown.stdout
    assert "worker galah" in shown.stdout


def test_inference_serves_the_model_once_it_is_promoted(processes: Processes, workers: dict[str, Any]) -> None:
    port = free_port()
    environment = {"METRICS_PORT": str(port), "SLOT": "federation-test", "SCORE_STREAM": "false"}
    processes.start(
        "inference", service="inference", **{f"ASTROSCALE_INFERENCE__{name}": v for name, v in environment.items()}
    )
    until(lambda: ask(port, "healthz"))
    assert not ask(port, "readyz")
    done = processes.astroscale("model", "promote", "federated-five", "--slot", "federation-test")
    assert done.returncode == 0, done.stderr
    until(lambda: ask(port, "readyz"))
    assert 'astroscale_inference_model_info{name="federated-five"' in ask(port, "metrics")


def test_too_few_workers_fail_after_a_bounded_wait(processes: Processes, workers: dict[str, Any]) -> None:
    done = processes.astroscale(
        "federation", "create", "--id", "lonely", "--min-workers", "5", "--wait", "1", "--follow"
    )
    assert done.returncode == 1
    assert "too few workers: 2 of 5 after 1 s" in " ".join(done.stderr.split())
    assert state(processes, "lonely").status == "failed"


def test_a_worker_that_dies_in_a_round_does_not_hold_it_up(
    processes: Processes, workers: dict[str, Any], tables: dict[str, list[str]]
) -> None:
    third = processes.start("third", "worker", "--id", "third", *tables["galah"])
    until(lambda: processes.said("third", "joined"))
    third.send_signal(signal.SIGSTOP)
    create(processes, "dying", rounds=2, deadline_s=6)
    until(lambda: len(answers(processes, "dying")) == 2)
    third.kill()
    third.wait()
    assert over(processes, "dying").status == "finished"
    first, *others = records(processes, "dying")
    assert [(one.worker, one.reason) for one in first.excluded] == [("third", "no_answer")]
    assert [one.worker for one in first.participants] == ["apogee", "galah"]
    assert 6.0 <= first.seconds < 20.0
    assert not any(one.excluded for one in others)


def answers(processes: Processes, federation: str) -> list[Any]:
    found = asyncio.run(clients.read_to_end(processes.kafka, topics.FEDERATION_UPDATES))
    return [one for one in found if one.key == federation.encode()]


def test_a_coordinator_that_dies_resumes_the_round_with_the_same_result(
    processes: Processes, workers: dict[str, Any], coordinator: subprocess.Popen[bytes]
) -> None:
    create(processes, "undisturbed", rounds=25)
    assert over(processes, "undisturbed").status == "finished"
    create(processes, "disturbed", rounds=25)
    until(lambda: exists(processes, "disturbed") and state(processes, "disturbed").round >= 1)
    workers["galah"].send_signal(signal.SIGSTOP)
    until(lambda: held(processes, "disturbed"))
    coordinator.kill()
    coordinator.wait()
    before = state(processes, "disturbed")
    assert before.status == "running"
    workers["galah"].send_signal(signal.SIGCONT)

    again = processes.start("coordinator-2", "coordinator")
    assert over(processes, "disturbed").status == "finished"
    disturbed, undisturbed = records(processes, "disturbed"), records(processes, "undisturbed")
    assert [one.output_hash for one in disturbed] == [one.output_hash for one in undisturbed]
    assert len(disturbed) == 27
    assert not any(one.excluded for one in disturbed)
    assert any(one["round"] == before.round for one in processes.said("coordinator-2", "resumed"))
    assert not processes.said("coordinator-2", "update_refused")
    assert again.poll() is None


def held(processes: Processes, federation: str) -> bool:
    """Whether the open round has the other worker's answer and waits for the one that was stopped."""
    present = state(processes, federation)
    found = [json.loads(meta(one.value)) for one in answers(processes, federation)]
    return [one["worker"] for one in found if one["round"] == present.round] == ["apogee"]


def meta(value: bytes) -> str:
    return json.loads(value[8 : 8 + int.from_bytes(value[:8], "little")])["__metadata__"]["message"]


def test_it_says_that_it_is_ready_and_counts(processes: Processes, workers: dict[str, Any]) -> None:
    port = free_port()
    late = processes.start("late", "coordinator", ASTROSCALE_FEDERATION__METRICS_PORT=str(port))

    until(lambda: json.loads(ask(port, "readyz") or "{}").get("ready"))
    assert 'astroscale_federation_federations{status="finished"}' in ask(port, "metrics")
    # The one before it steps down: two would open rounds against each other.
    until(lambda: processes.said("coordinator-2", "stopped"))
    assert processes.said("coordinator-2", "stopped")[0]["code"] == "superseded"
    late.terminate()
    assert late.wait(20) == 0


def test_a_worker_leaves_at_sigterm(processes: Processes, workers: dict[str, Any]) -> None:
    workers["apogee"].terminate()
    assert workers["apogee"].wait(20) == 0
    found = asyncio.run(clients.read_to_end(processes.kafka, topics.FEDERATION_WORKERS))
    assert json.loads(found[-1].value)["type"] in ("worker.left", "worker.heartbeat")
    assert any(json.loads(one.value)["type"] == "worker.left" for one in found if one.key == b"apogee")
