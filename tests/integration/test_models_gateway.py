"""Promote and roll back by command while 200 callers ask the gateway: nobody notices, but for the version they are told."""

import asyncio
import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from astroscale_shared.messaging import announcements
from astroscale_shared.messaging.provisioning import create_topics
from astroscale_shared.registry import ModelRef, Registry
from astroscale_shared.runtime.settings import KafkaSettings

from tests.support.graphs import card, graph
from tests.support.pipes import until
from tests.support.servers import RunningKafka, in_thread
from tests.support.services import Service, running_service

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(240)]

CALLERS = 200
STAR = {"ra": 200.12, "dec": -47.33, "teff": 5800, "logg": 4.3, "fe_h": 0, "snr": 100, "parallax": 7.2}
TABLE = [{"ra": float(number), "dec": 10.0} for number in range(40)]
REFUSED = "astroscale_inference_model_refused_total"


@dataclass(frozen=True)
class System:
    """Inference on a slot of its own behind a gateway. models: each gives every star the velocity that is its key."""

    settings: KafkaSettings
    registry: Registry
    inference: Service
    gateway: str
    slot: str
    models: dict[float, ModelRef]
    env: dict[str, str]

    async def command(self, *arguments: str, code: int = 0) -> str:
        """`astroscale model ...`, as a user runs it; what it printed."""
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "astroscale_client.cli", "model", *arguments, "--slot", self.slot],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    async def announce(self, ref: ModelRef, **changed: object) -> None:
        """What no command would: an announcement that does not fit the model."""
        said = announcements.of(self.registry, ref, slot=self.slot).model_copy(update=changed)
        await announcements.announce(self.settings, said)


@dataclass
class Callers:
    """What callers were told: failures, and answers by version. versions: the velocity that each version gives."""

    versions: dict[str, float]
    answers: Counter[str] = field(default_factory=Counter[str])
    failures: list[str] = field(default_factory=list[str])

    async def one_star(self, client: httpx.AsyncClient) -> None:
        response = await client.post("/predict", json=STAR)
        if response.status_code != 200:
            self.failures.append(response.text)
            return
        said = response.json()
        self._note(said["model"]["version"], {said["radial_velocity_kms"]})

    async def a_table(self, client: httpx.AsyncClient) -> None:
        response = await client.post("/predict/batch", json=TABLE)
        if response.status_code != 200:
            self.failures.append(response.text)
            return
        said = response.json()
        assert len(said["predictions"]) == len(TABLE)
        self._note(said["model"]["version"], {one["radial_velocity_kms"] for one in said["predictions"]})

    def _note(self, version: str, velocities: set[float]) -> None:
        if velocities != {self.versions[version]}:
            self.failures.append(f"{version} gives {self.versions[version]}, the reply says {velocities}")
        self.answers[version] += 1

    async def hear(self, ref: ModelRef) -> None:
        """Until callers were told this version many times more."""
        before = self.answers[ref.version]
        await until(lambda: self.answers[ref.version] > before + 100, f"answers of {ref.version}", timeout=60.0)


@asynccontextmanager
async def calling(system: System, stars: int, tables: int = 0) -> AsyncGenerator[Callers]:
    """So many callers at once, each asking again as soon as it is answered, until the end of the block; then what they
    were told holds no failure."""
    callers = Callers({ref.version: velocity for velocity, ref in system.models.items()})
    done = asyncio.Event()

    async def ask(question: Callable[[httpx.AsyncClient], Awaitable[None]], client: httpx.AsyncClient) -> None:
        while not done.is_set():
            await question(client)

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with (
        httpx.AsyncClient(base_url=system.gateway, timeout=60.0, limits=limits) as client,
        asyncio.TaskGroup() as asking,
    ):
        for question in [callers.one_star] * stars + [callers.a_table] * tables:
            asking.create_task(ask(question, client))
        try:
            yield callers
        finally:
            done.set()
    assert callers.failures == []


async def served(system: System) -> str:
    """The version that the gateway says it serves."""
    async with httpx.AsyncClient(base_url=system.gateway, timeout=10.0) as client:
        return (await client.get("/model")).json()["version"]


@pytest.fixture(scope="module")
def system(kafka: RunningKafka, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[System]:
    folder: Path = tmp_path_factory.mktemp("models")
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    registry = Registry(folder / "registry")
    models = {velocity: registry.publish("default", graph(bias=velocity), card()) for velocity in (100.0, 200.0, 300.0)}
    slot = f"test-{uuid.uuid4().hex[:12]}"

    async def prepare() -> None:
        await create_topics(settings)
        await announcements.announce(settings, announcements.of(registry, models[100.0], slot=slot))

    in_thread(lambda: asyncio.run(prepare()))
    env = {
        **os.environ,
        "ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "ASTROSCALE_REGISTRY__ROOT": registry.root,
        "ASTROSCALE_CONFIG": str(folder / "no-config.toml"),
    }
    # No caller gives up before the machine is done with what else it has to do.
    waits = {"GATEWAY__DEADLINE_SECONDS": 30, "REDIS__URL": redis_url}
    options = {"REGISTRY__ROOT": registry.root, "INFERENCE__SLOT": slot, "INFERENCE__SCORE_STREAM": "false"}
    with (
        running_service("inference", settings, folder, **options) as inference,
        running_service("gateway", settings, folder, **waits) as gateway,
    ):
        yield System(settings, registry, inference, gateway.url, slot, models, env)


async def test_promote_and_roll_back_under_200_callers_without_a_failure_or_a_mixed_reply(system: System) -> None:
    first, second, third = system.models.values()
    async with calling(system, CALLERS, tables=2) as callers:
        await callers.hear(first)
        for ref in (second, third):
            await system.command("promote", "default", ref.version)
            await callers.hear(ref)
        for ref in (second, first):
            assert f"is now default {ref.version}" in await system.command("rollback")
            await callers.hear(ref)
        await system.command("promote", f"default@{third.version}")
        await callers.hear(third)
    assert await served(system) == third.version
    async with calling(system, 20) as callers:
        await callers.hear(third)
    assert callers.answers.keys() == {third.version}


async def test_what_is_corrupt_unfit_or_another_is_refused_while_the_old_one_answers(system: System) -> None:
    good = system.models[100.0]
    await system.command("promote", "default", good.version)
    corrupt = system.registry.publish("default", graph(bias=1.0), card())
    said = announcements.of(system.registry, corrupt, slot=system.slot)
    (corrupt.path / "model.onnx").write_bytes(graph(bias=2.0))
    unfit = system.registry.publish("default", graph(bias=3.0, features=7), card())
    async with calling(system, 20) as callers:
        await until(lambda: callers.answers[good.version], "answers of the good model")
        callers.answers.clear()
        await system.command("promote", "default", unfit.version)
        await refused(system, "model_wrong_contract", 1)
        await callers.hear(good)
        assert f"is now default {good.version}" in await system.command("rollback")
        await system.announce(system.models[300.0], sha256="0" * 64)
        await refused(system, "model_hash_mismatch", 1)
        await callers.hear(good)
        await announcements.announce(system.settings, said)
        await refused(system, "model_hash_mismatch", 2)
        await callers.hear(good)
    assert callers.answers.keys() == {good.version}
    # No command brings the corrupt one back, and the way out of it is there.
    assert "is not what SHA256SUMS says" in await system.command("promote", "default", corrupt.version, code=1)
    await system.command("promote", "default", system.models[200.0].version)

    async def swapped() -> bool:
        return await served(system) == system.models[200.0].version

    await until(swapped, "the next good model served")


async def refused(system: System, code: str, count: int) -> None:
    """Until so many were refused for that reason."""
    line = f'{REFUSED}{{reason="{code}"}}'
    await until(lambda: system.inference.metric(line) == count, f"{count} refusals for {code}")
