"""One service as a process of its own against the session's broker."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from astroscale_local import health
from astroscale_local.ports import free_port
from astroscale_local.process import ManagedProcess, tail
from astroscale_shared.runtime.settings import KafkaSettings

_READY_TIMEOUT = 60.0


@dataclass(frozen=True)
class Service:
    """A running service."""

    process: ManagedProcess
    url: str

    def wait_ready(self) -> None:
        """Until /readyz says so; fails with the end of the log."""
        self.process.wait_ready(lambda: health.ready(self.url), _READY_TIMEOUT)

    def restart(self) -> None:
        """kill -9, and up again. From the main thread only: the process dies with the thread that started it."""
        self.process.kill()
        self.process.start()
        self.wait_ready()

    def metric(self, line: str) -> float:
        """The value of one metric (name and labels as the exposition writes them), 0 where it is not there yet."""
        for found in httpx.get(f"{self.url}/metrics", timeout=5.0).text.splitlines():
            if found.startswith(f"{line} "):
                return float(found.split()[-1])
        return 0.0

    def log(self) -> str:
        """The end of its log."""
        return tail(self.process.log, 200)


@contextmanager
def running_service(name: str, kafka: KafkaSettings, folder: Path, **settings: object) -> Generator[Service]:
    """`python -m astroscale_<name>`, ready; `settings` are environment names without their prefix, for example
    INGESTOR__POLL_SECONDS=0.1. Stopped with SIGTERM at the end."""
    port = free_port()
    env = {
        "ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "ASTROSCALE_CONFIG": str(folder / "no-config.toml"),
        f"ASTROSCALE_{name.upper()}__{'PORT' if name == 'gateway' else 'METRICS_PORT'}": str(port),
        "OMP_NUM_THREADS": "1",
        **{f"ASTROSCALE_{key}": str(value) for key, value in settings.items()},
    }
    process = ManagedProcess(name, [sys.executable, "-m", f"astroscale_{name}"], folder / f"{name}.log", env)
    process.start()
    service = Service(process, f"http://127.0.0.1:{port}")
    try:
        service.wait_ready()
        yield service
    finally:
        process.stop()
