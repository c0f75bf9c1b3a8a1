"""The gateway before real Kafka, real Redis and real inference, as its callers and its operator see it."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
import redis
from astroscale_gateway.domain.table import COLUMNS
from astroscale_gateway.lease import KEY
from astroscale_gateway.schemas import LedgerResponse, ModelResponse, PredictBatchResponse, PredictResponse
from astroscale_gateway.wire import message_of
from astroscale_local.ports import free_port
from astroscale_shared.messaging import announcements, codec
from astroscale_shared.messaging.contracts import ANSWER_SCHEMA, ARROW
from astroscale_shared.messaging.provisioning import provision
from astroscale_shared.messaging.requests import PREDICT, RequestClient
from astroscale_shared.registry import Registry
from astroscale_shared.runtime.settings import KafkaSettings, RegistrySettings
from astroscale_shared.stars.flags import names_of

from tests.support.graphs import card, graph
from tests.support.pipes import until
from tests.support.servers import RunningKafka, in_thread
from tests.support.stars import random_stars

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
STAR = {"ra": 200.12, "dec": -47.33, "teff": 5800, "logg": 4.3, "fe_h": 0, "snr": 100, "parallax": 7.2}


@dataclass
class Service:
    """A running process of ours."""

    process: "subprocess.Popen[bytes]"
    url: str
    log: Path

    def wait(self, status: int = 200, path: str = "/readyz", seconds: float = 60) -> None:
        """Until the path answers with the status."""
        verify = not self.url.startswith("https")
        end = time.monotonic() + seconds
        while True:
            try:
                if httpx.get(self.url + path, timeout=2, verify=verify).status_code == status:
                    return
            except httpx.TransportError:
                pass
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(15)


@dataclass(frozen=True)
class System:
    """Settings of a system whose topics and models are there."""

    env: dict[str, str]
    folder: Path

    @contextmanager
    def service(self, name: str, **settings: str) -> Generator[Service]:
        """A process of ours, ready."""
        port = free_port()
        own = (
            {"ASTROSCALE_GATEWAY__PORT": str(port), "ASTROSCALE_GATEWAY__PROBE_SECONDS": "0.5"}
            if name == "gateway"
            else {"ASTROSCALE_INFERENCE__METRICS_PORT": str(port), "ASTROSCALE_INFERENCE__SCORE_STREAM": "false"}
        )
        log = self.folder / f"{name}-{port}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", f"astroscale_{name}"],
                env={**os.environ, **self.env, **own, **settings},
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        service = Service(process, f"http://127.0.0.1:{port}", log)
        try:
            yield service
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def system(kafka: RunningKafka, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> System:
    folder = tmp_path_factory.mktemp("gateway")
    registry = folder / "registry"
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    shipped = RegistrySettings(root=registry, shipped=ROOT / "models")
    in_thread(lambda: asyncio.run(provision(settings, shipped)))
    return System(
        {
            "ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "ASTROSCALE_REDIS__URL": redis_url,
            "ASTROSCALE_REGISTRY__ROOT": str(registry),
            "ASTROSCALE_CONFIG": str(folder / "none.toml"),
            "OMP_NUM_THREADS": "1",
        },
        folder,
    )


@pytest.fixture(scope="module")
def inference(system: System) -> Generator[Service]:
    with system.service("inference") as service:
        service.wait()
        yield service


@pytest.fixture(scope="module")
def gateway(system: System, inference: Service) -> Generator[Service]:
    with system.service("gateway") as service:
        service.wait()
        yield service


def test_a_prediction(gateway: Service) -> None:
    response = httpx.post(f"{gateway.url}/predict", json=STAR)
    assert response.status_code == 200, response.text
    said = PredictResponse.model_validate(response.json(), strict=True)
    assert said.interval.lower_kms < said.radial_velocity_kms < said.interval.upper_kms
    assert said.predicted_z == pytest.approx(said.radial_velocity_kms / 299_792.458, rel=1e-6)
    assert said.flags == []


def test_a_star_of_which_only_the_place_is_known(gateway: Service) -> None:
    response = httpx.post(
        f"{gateway.url}/predict", json={**dict.fromkeys(STAR), "ra": 200.12, "dec": -47.33, "pmra": None}
    )
    said = response.json()
    assert response.status_code == 200, response.text
    assert said["flags"] == [f"missing_{name}" for name in ("teff", "logg", "fe_h", "snr", "parallax")]
    known = httpx.post(f"{gateway.url}/predict", json=STAR).json()["interval"]
    assert said["interval"]["upper_kms"] - said["interval"]["lower_kms"] > known["upper_kms"] - known["lower_kms"]


def test_the_model_in_service(gateway: Service) -> None:
    said = ModelResponse.model_validate(httpx.get(f"{gateway.url}/model").json())
    assert said.slot == "default"
    assert said.sha256.startswith(said.version)
    assert said.card["onnx_sha256"] == said.sha256
    predicted = httpx.post(f"{gateway.url}/predict", json=STAR).json()
    assert predicted["model"]["version"] == said.version


def test_the_ledger(gateway: Service) -> None:
    """Read from its topic; what is in it is tested where the stream is."""
    gateway.wait(200, "/ledger")
    said = LedgerResponse.model_validate(httpx.get(f"{gateway.url}/ledger").json())
    assert [stage.stage for stage in said.stages] == ["encode", "predict"]


async def test_many_callers_at_once_each_get_their_own_star(gateway: Service) -> None:
    stars = [{**STAR, "ra": i * 1.7, "dec": i / 3 - 30} for i in range(200)]
    async with httpx.AsyncClient(timeout=20, limits=httpx.Limits(max_connections=100)) as client:
        alone = [(await client.post(f"{gateway.url}/predict", json=star)).json() for star in stars[:20]]
        together = await asyncio.gather(*(client.post(f"{gateway.url}/predict", json=star) for star in stars))
        metrics = (await client.get(f"{gateway.url}/metrics")).text
    assert {response.status_code for response in together} == {200}
    for one, many in zip(alone, together, strict=False):
        assert many.json()["radial_velocity_kms"] == pytest.approx(one["radial_velocity_kms"], abs=1e-3)
    rows, batches = (
        float(next(line for line in metrics.splitlines() if line.startswith(name)).split()[1])
        for name in ("astroscale_gateway_batch_rows_sum", "astroscale_gateway_batch_rows_count")
    )
    assert batches < rows  # how much fewer depends on how fast this client is; the unit tests say who goes together


def as_stream(columns: dict[str, Any]) -> bytes:
    batch = pa.RecordBatch.from_pydict(columns)
    return codec.to_bytes(batch)


def test_a_whole_table_at_once(gateway: Service) -> None:
    """As many stars as the gateway takes at a time, every column filled: none of the messages is too large."""
    stars = random_stars(10_000, missing=0.1)
    columns = {name: codec.nullable(stars.numeric[name], pa.float64()) for name in COLUMNS}
    response = httpx.post(
        f"{gateway.url}/predict/batch", content=as_stream(columns), headers={"content-type": ARROW}, timeout=60
    )
    assert response.status_code == 200, response.text
    said = codec.from_trusted(response.content)
    assert said.schema.equals(ANSWER_SCHEMA)
    assert (said.num_rows, said.column("error").null_count) == (10_000, 10_000)
    assert said.column("tail_probability").is_valid().equals(columns["rv_kms"].is_valid())
    for row in (0, 999, 1_000, 9_999):
        star = {n: v[row].as_py() for n, v in columns.items() if n != "rv_kms"}
        alone = httpx.post(f"{gateway.url}/predict", json=star).json()
        assert said.column("radial_velocity_kms")[row].as_py() == pytest.approx(alone["radial_velocity_kms"], rel=1e-6)
        assert said.column("q95")[row].as_py() == pytest.approx(alone["interval"]["upper_kms"], rel=1e-6)
        assert names_of(said.column("flags")[row].as_py()) == alone["flags"]


def test_an_array_is_answered_like_a_stream(gateway: Service) -> None:
    stars = [{"ra": float(i), "dec": i / 3, "rv_kms": 10.0 * i} for i in range(30)]
    stars[7]["dec"] = 91.0
    said = PredictBatchResponse.model_validate(
        httpx.post(f"{gateway.url}/predict/batch", json=stars).json(), strict=True
    )
    columns = {name: [star[name] for star in stars] for name in ("ra", "dec", "rv_kms")}
    content = httpx.post(
        f"{gateway.url}/predict/batch", content=as_stream(columns), headers={"content-type": ARROW}
    ).content
    rows = codec.from_trusted(content).to_pylist()
    assert [row.row for row in said.refused] == [7]
    assert rows[7]["error"] == "dec is 91; allowed is [-90, 90] deg"
    for one, row in zip(said.predictions, rows, strict=True):
        assert (one is None) == (row["error"] is not None)
        if one is not None:
            assert row["radial_velocity_kms"] == pytest.approx(one.radial_velocity_kms, rel=1e-6)
            assert row["tail_probability"] == pytest.approx(one.tail_probability, rel=1e-5)


async def test_no_table_mixes_models_while_they_change(gateway: Service, system: System, kafka: RunningKafka) -> None:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    registry = Registry(Path(system.env["ASTROSCALE_REGISTRY__ROOT"]))
    before = (await announcements.latest(settings))["default"]
    made = {float(bias): registry.publish("swapped", graph(bias=bias), card()) for bias in (100.0, 200.0)}
    stars = random_stars(5_000)
    content = as_stream({name: codec.nullable(stars.numeric[name], pa.float64()) for name in COLUMNS})
    ends = asyncio.Event()

    async def serves(client: httpx.AsyncClient, name: str) -> bool:
        return (await client.get("/model")).json()["name"] == name

    async def swap() -> None:
        while not ends.is_set():
            for ref in made.values():
                await announcements.announce(settings, announcements.of(registry, ref, slot="default"))
                await asyncio.sleep(0.15)

    swapping = asyncio.create_task(swap())
    seen: set[float] = set()
    try:
        async with httpx.AsyncClient(base_url=gateway.url, timeout=60) as client:
            await until(lambda: serves(client, "swapped"), "a model of the test in service")
            for _ in range(12):
                answers = await asyncio.gather(
                    *(client.post("/predict/batch", content=content, headers={"content-type": ARROW}) for _ in range(2))
                )
                for answer in answers:
                    assert answer.status_code == 200, answer.text
                    said = codec.from_trusted(answer.content)
                    velocities = set(said.column("radial_velocity_kms").to_pylist())
                    versions = set(said.column("model_version").to_pylist())
                    assert len(velocities) == 1
                    assert versions == {made[next(iter(velocities))].version}
                    seen |= velocities
    finally:
        ends.set()
        await swapping
        await announcements.announce(settings, before)
        async with httpx.AsyncClient(base_url=gateway.url) as client:
            await until(lambda: serves(client, before.name), "the model from before in service")
    assert seen == set(made)


def test_the_lease_of_the_reply_partition(gateway: Service, redis_url: str) -> None:
    ready = httpx.get(f"{gateway.url}/readyz").json()
    assert ready["redis"] == "ok"
    assert ready["reply_partition_leased"]
    assert 0 < redis.Redis.from_url(redis_url).pttl(KEY.format(ready["reply_partition"])) <= 30_000  # pyright: ignore


def test_a_second_gateway_reads_another_partition(gateway: Service, system: System) -> None:
    with system.service("gateway") as second:
        second.wait()
        partitions = [httpx.get(f"{g.url}/readyz").json()["reply_partition"] for g in (gateway, second)]
        answer = httpx.post(f"{second.url}/predict", json=STAR)
    assert len(set(partitions)) == 2
    assert answer.status_code == 200


async def test_two_on_one_partition_do_not_disturb_each_other(kafka: RunningKafka, inference: Service) -> None:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    callers = [RequestClient(settings, reply_partition=15) for _ in range(2)]
    for caller in callers:
        await caller.start()
    nan = float("nan")
    replies = await asyncio.gather(
        *(
            callers[i % 2].request(PREDICT, message_of([(float(i), 0.0, *[nan] * 7)] * (i + 1)), timeout=10)
            for i in range(20)
        )
    )
    for caller in callers:
        await caller.stop()
    assert len(replies) == 20


def test_an_idempotency_key(gateway: Service) -> None:
    headers = {"idempotency-key": f"key-{time.time_ns()}"}
    first = httpx.post(f"{gateway.url}/predict", json=STAR, headers=headers)
    second = httpx.post(f"{gateway.url}/predict", json=STAR, headers=headers)
    other = httpx.post(f"{gateway.url}/predict", json={**STAR, "ra": 1}, headers=headers)
    assert [first.headers["idempotency-status"], second.headers["idempotency-status"]] == ["stored", "replayed"]
    same = {**first.json(), "request_id": None}
    assert {**second.json(), "request_id": None} == same
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")


def test_without_redis(system: System, inference: Service) -> None:
    with system.service("gateway", ASTROSCALE_REDIS__URL=f"redis://127.0.0.1:{free_port()}/0") as service:
        service.wait()
        ready = httpx.get(f"{service.url}/readyz").json()
        answer = httpx.post(f"{service.url}/predict", json=STAR, headers={"idempotency-key": "k"})
        code = service.stop()
    assert (ready["ready"], ready["redis"], ready["reply_partition_leased"]) == (True, "unreachable", False)
    assert (answer.status_code, answer.headers["idempotency-status"]) == (200, "ignored")
    assert "reply_partition_without_lease" in service.log.read_text()
    assert code == 0


def test_without_kafka(system: System) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    with system.service("gateway", ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS=nowhere) as service:
        service.wait(200, "/healthz")
        ready = httpx.get(f"{service.url}/readyz")
        answer = httpx.post(f"{service.url}/predict", json=STAR)
        code = service.stop()
    assert (ready.status_code, ready.json()["reasons"]) == (503, ["the broker is not reached yet"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "starting")
    assert code == 0


@pytest.mark.slow
def test_inference_goes_and_comes_back(system: System, inference: Service) -> None:
    with system.service("gateway", ASTROSCALE_GATEWAY__DEADLINE_SECONDS="1") as service:
        service.wait()
        os.kill(inference.process.pid, signal.SIGSTOP)
        try:
            late = httpx.post(f"{service.url}/predict", json=STAR, timeout=10)
            service.wait(503)
            reasons = httpx.get(f"{service.url}/readyz").json()["reasons"]
        finally:
            os.kill(inference.process.pid, signal.SIGCONT)
        service.wait(200)
        answer = httpx.post(f"{service.url}/predict", json=STAR)
    assert (late.status_code, late.json()["error"]["code"]) == (504, "deadline_exceeded")
    assert "inference has not answered" in reasons[0]
    assert answer.status_code == 200


async def test_sigterm_answers_what_is_under_way(system: System, inference: Service, redis_url: str) -> None:
    with system.service("gateway") as service:
        service.wait()
        async with httpx.AsyncClient(timeout=20) as client:
            partition = (await client.get(f"{service.url}/readyz")).json()["reply_partition"]
            os.kill(inference.process.pid, signal.SIGSTOP)
            try:
                calls = [asyncio.create_task(client.post(f"{service.url}/predict", json=STAR)) for _ in range(10)]
                await asyncio.sleep(0.5)
                service.process.terminate()
                await asyncio.sleep(0.3)
            finally:
                os.kill(inference.process.pid, signal.SIGCONT)
            responses = await asyncio.gather(*calls)
        code = await asyncio.to_thread(service.process.wait, 15)
    assert {response.status_code for response in responses} == {200}
    assert code == 0
    assert not redis.Redis.from_url(redis_url).exists(KEY.format(partition))


def test_hostile_bodies_over_a_real_socket(gateway: Service) -> None:
    def post(content: Any, **headers: str) -> httpx.Response:
        return httpx.post(
            f"{gateway.url}/predict", content=content, headers={"content-type": "application/json", **headers}
        )

    cases = [
        (post(b" " * 70_000), 413),
        (post(iter([b" " * 40_000] * 2)), 413),
        (post(b"{" * 60_000), 422),
        (post(b'{"ra": NaN}'), 422),
        (post(b"{}", **{"content-type": "text/plain"}), 415),
        (httpx.get(f"{gateway.url}/predict"), 405),
        (httpx.get(f"{gateway.url}/../../etc/passwd"), 404),
    ]
    for response, status in cases:
        assert response.status_code == status
        assert set(response.json()) == {"error", "request_id"}
        assert "Traceback" not in response.text
    assert httpx.get(f"{gateway.url}/healthz").status_code == 200


def test_the_access_log_has_one_line_a_request(gateway: Service) -> None:
    httpx.post(f"{gateway.url}/predict", json=STAR, headers={"x-request-id": "find-me-1"})
    time.sleep(0.2)
    lines = [line for line in gateway.log.read_text().splitlines() if "find-me-1" in line]
    assert len(lines) == 1
    assert all(part in lines[0] for part in ('"route":"/predict"', '"status":200', '"duration_ms":'))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_tls(system: System, inference: Service, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"],
            "-keyout",
            key,
            "-out",
            cert,
        ],
        check=True,
        capture_output=True,
    )
    settings = {"ASTROSCALE_GATEWAY__TLS_CERTFILE": str(cert), "ASTROSCALE_GATEWAY__TLS_KEYFILE": str(key)}
    with system.service("gateway", **settings) as service:
        service.url = service.url.replace("http:", "https:")
        service.wait()
        answer = httpx.post(f"{service.url}/predict", json=STAR, verify=False)  # noqa: S501 - made just above
    assert answer.status_code == 200
