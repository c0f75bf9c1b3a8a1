"""The whole system for a test session, started as a user starts it, on free ports, in a folder of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from astroscale_local import health, state
from astroscale_local.paths import StatePaths
from astroscale_local.process import tail

_START_TIMEOUT = 150.0
_STOP_TIMEOUT = 60.0
_SERVICES = ("INGESTOR", "PREPROCESSOR", "INFERENCE", "FEDERATION")


def free_port_settings(state_dir: Path) -> dict[str, str]:
    """Settings that keep a second system out of the first one's way."""
    return {
        "ASTROSCALE_LOCAL__STATE_DIR": str(state_dir),
        "ASTROSCALE_REGISTRY__ROOT": str(state_dir / "registry"),
        "ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:0",
        "ASTROSCALE_REDIS__URL": "redis://127.0.0.1:0/0",
        "ASTROSCALE_GATEWAY__PORT": "0",
        **{f"ASTROSCALE_{name}__METRICS_PORT": "0" for name in _SERVICES},
        "ASTROSCALE_CONFIG": str(state_dir / "no-config.toml"),
    }


@dataclass(frozen=True)
class Stack:
    """A running system. What it says is read from its state file, so it is true after a restart too."""

    state_dir: Path

    def _state(self) -> state.State:
        found = state.load(StatePaths(self.state_dir).state_file)
        assert found is not None, "the system is not running"
        return found

    @property
    def env(self) -> dict[str, str]:
        """Settings that make any of the project's commands talk to this system."""
        return {**free_port_settings(self.state_dir), **self._state().env}

    @property
    def gateway_url(self) -> str:
        return self._state().address

    @property
    def kafka_bootstrap(self) -> str:
        return self.env["ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS"]

    @property
    def redis_url(self) -> str:
        return self.env["ASTROSCALE_REDIS__URL"]

    @property
    def registry_root(self) -> Path:
        return Path(self.env["ASTROSCALE_REGISTRY__ROOT"])

    @property
    def pids(self) -> dict[str, int]:
        """The pid of every process, by name: kafka, redis, inference, preprocessor, ingestor, federation, gateway."""
        return {one.name: one.pid for one in self._state().processes}

    def url(self, name: str) -> str:
        """Address of a service's health and metrics."""
        return next(one.url for one in self._state().processes if one.name == name)

    def log(self, name: str) -> str:
        """The end of a process's log."""
        return tail(StatePaths(self.state_dir).log(name), 100)

    def kill(self, name: str) -> int:
        """SIGKILL to a process, which the supervisor then starts again; returns the pid that is no more."""
        pid = self.pids[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_restarted(self, name: str, old_pid: int, timeout: float = 30.0) -> None:
        """Waits until a killed service has a new process that is ready."""
        end = time.monotonic() + timeout
        while self.pids[name] == old_pid or not health.ready(self.url(name)):
            assert time.monotonic() < end, f"{name} is not back after {timeout} s:\n{self.log(name)}"
            time.sleep(0.1)


def command_env(settings: dict[str, str]) -> dict[str, str]:
    """This process's environment without its own AstroScale settings, and `settings`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("ASTROSCALE_")}
    return own | settings


@contextmanager
def running_system(state_dir: Path, *arguments: str) -> Generator[Stack]:
    """`python -m astroscale_local up` until ready; stopped with SIGTERM at the end."""
    output = state_dir.parent / f"{state_dir.name}.console"
    with output.open("wb") as file:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "astroscale_local", "up", *arguments],
            env=command_env(free_port_settings(state_dir)),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_ready(supervisor, StatePaths(state_dir), output)
        yield Stack(state_dir)
    finally:
        supervisor.terminate()
        try:
            supervisor.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            supervisor.kill()
            supervisor.wait()
            raise


def _wait_ready(supervisor: "subprocess.Popen[bytes]", paths: StatePaths, output: Path) -> None:
    end = time.monotonic() + _START_TIMEOUT
    while True:
        found = state.load(paths.state_file)
        if found is not None and found.phase == "ready" and found.supervisor.pid == supervisor.pid:
            return
        if supervisor.poll() is not None or time.monotonic() > end:
            logs = "\n".join(f"--- {log.name}\n{tail(log, 20)}" for log in sorted(paths.logs.glob("*.log")))
            raise AssertionError(f"The system did not start:\n{tail(output, 50)}\n{logs}")
        time.sleep(0.1)
