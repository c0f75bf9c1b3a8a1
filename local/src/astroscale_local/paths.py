"""Where everything that belongs to one running system lives: one folder."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StatePaths:
    """The state folder (`.astroscale/` by default) and the places in it."""

    root: Path

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def state_file(self) -> Path:
        return self.run / "state.json"

    @property
    def targets_file(self) -> Path:
        """Prometheus file_sd: the metrics addresses of every service process."""
        return self.run / "targets.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def kafka(self) -> Path:
        return self.root / "kafka"

    @property
    def redis(self) -> Path:
        return self.root / "redis"

    @property
    def registry(self) -> Path:
        return self.root / "registry"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def rotate_logs(self) -> None:
        """Each run writes new log files; those of the run before are kept as `.log.1`."""
        for log in self.logs.glob("*.log"):
            log.replace(log.with_suffix(".log.1"))

    def create(self) -> None:
        for folder in (self.run, self.logs, self.kafka, self.redis, self.registry):
            folder.mkdir(parents=True, exist_ok=True)
