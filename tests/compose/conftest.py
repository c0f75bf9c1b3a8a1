"""The whole system in containers, once for the session: built, started and waited for as a user would."""

import os
import secrets
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
from astroscale_local.ports import free_port
from testcontainers.compose import DockerCompose

from tests.support.deploy import ROOT, engine_missing

SERVICES = ("gateway", "ingestor", "preprocessor", "inference", "federation")


@dataclass(frozen=True)
class System:
    """What runs, and where. `password` is Redis', given by the environment as an operator would."""

    compose: DockerCompose
    kafka_bootstrap: str
    password: str

    def url(self, service: str, port: int) -> str:
        """Where a container's port is published on this machine."""
        return f"http://127.0.0.1:{self.compose.get_service_port(service, port)}"

    @property
    def gateway_url(self) -> str:
        return self.url("gateway", 8080)

    @property
    def prometheus_url(self) -> str:
        return self.url("prometheus", 9090)

    def container(self, service: str) -> str:
        """The id of a service's container, stopped ones included."""
        found = self.compose.get_container(service, include_all=True).ID
        assert found is not None
        return found

    def run(self, *arguments: str) -> str:
        """`docker compose ARGUMENTS`; what it printed."""
        return docker(*self.compose.docker_compose_command()[1:], *arguments)


def docker(*arguments: str) -> str:
    """What the engine's command prints; fails with what it said where it fails."""
    done = subprocess.run(["docker", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Generator[System]:
    """`docker compose up --build --wait` under a name and on ports of its own; taken down with its volumes."""
    reason = engine_missing()
    if reason:
        pytest.skip(reason)
    kafka_port, password = free_port(), secrets.token_hex(16)
    settings = {
        "ASTROSCALE_GATEWAY__PORT": 0,
        "ASTROSCALE_PROMETHEUS_PORT": 0,
        "ASTROSCALE_GRAFANA_PORT": 0,
        "ASTROSCALE_KAFKA_PORT": kafka_port,
        "ASTROSCALE_REDIS__PASSWORD": password,
    }
    env_file = tmp_path_factory.mktemp("compose") / "env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("ASTROSCALE_", "COMPOSE_"))]:
            patch.delenv(name)
        patch.setenv("COMPOSE_PROJECT_NAME", f"astroscale-test-{secrets.token_hex(4)}")
        compose = DockerCompose(ROOT, build=True, env_file=str(env_file))
        try:
            _start(compose, env_file.with_name("containers.log"))
            yield System(compose, f"127.0.0.1:{kafka_port}", password)
        finally:
            compose.stop()


def _start(compose: DockerCompose, log: Path) -> None:
    try:
        compose.start()
    except subprocess.CalledProcessError as error:
        log.write_text(docker(*compose.docker_compose_command()[1:], "logs", "--no-color", "--tail", "40"), "utf-8")
        said = error.stderr.decode(errors="replace")[-3000:]
        pytest.fail(f"docker compose up failed:\n{said}\n{log.read_text('utf-8')[-8000:]}", pytrace=False)
