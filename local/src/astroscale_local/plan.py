"""What will run, where it listens, in which order: decided before anything is started."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from astroscale_shared.runtime.settings import KafkaSettings, RedisSettings, RegistrySettings

from astroscale_local import ports, project
from astroscale_local.errors import LocalError
from astroscale_local.paths import StatePaths
from astroscale_local.settings import (
    FederationListens,
    GatewayListens,
    InferenceListens,
    IngestorListens,
    LocalSettings,
    PreprocessorListens,
)

LOOPBACK = ("127.0.0.1", "localhost")
REPLICABLE = ("inference", "preprocessor", "ingestor", "gateway")


@dataclass(frozen=True)
class Service:
    """One process of one service."""

    name: str
    service: str
    host: str
    port: int
    argv: tuple[str, ...]
    env: Mapping[str, str]
    scheme: str = "http"

    @property
    def url(self) -> str:
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - asked, not bound
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True)
class Plan:
    """Everything that one start needs to know."""

    settings: LocalSettings
    paths: StatePaths
    kafka_port: int | None
    """None: Kafka is somebody else's, at `env`'s address."""
    redis_port: int | None
    services: tuple[Service, ...]
    """In starting order; the gateway last."""
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    """Settings that every process shares; no secrets."""

    @property
    def gateway_url(self) -> str:
        return next(one.url for one in self.services if one.service == "gateway")


def _own_port(address: str, default: int, what: str, setting: str) -> int | None:
    """The port to start our own server on, or None where `address` is another machine's."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    if parts.hostname not in LOOPBACK:
        return None
    return ports.resolve(default if parts.port is None else parts.port, what, setting)


def _services(replicas: Mapping[str, int]) -> list[Service]:
    listens = {
        "inference": InferenceListens.load(),
        "preprocessor": PreprocessorListens.load(),
        "ingestor": IngestorListens.load(),
    }
    found: list[Service] = []
    for name, one in listens.items():
        found += _replicas(name, one.section, one.host, one.metrics_port, replicas.get(name, 1))
    federation = FederationListens.load()
    if federation.enabled:
        found += _replicas("federation", federation.section, federation.host, federation.metrics_port, 1, "coordinator")
    gateway = GatewayListens.load()
    gateways = _replicas("gateway", gateway.section, gateway.host, gateway.port, replicas.get("gateway", 1))
    return found + [replace(one, scheme="https" if gateway.tls_certfile else "http") for one in gateways]


def _replicas(service: str, section: str, host: str, port: int, count: int, *arguments: str) -> list[Service]:
    """`count` processes: the first on its own port, the others on any free one."""
    setting = "PORT" if service == "gateway" else "METRICS_PORT"
    found: list[Service] = []
    for number in range(1, count + 1):
        name = service if number == 1 else f"{service}-{number}"
        actual = ports.resolve(port if number == 1 else 0, f"the {service}", f"ASTROSCALE_{section}__{setting}", host)
        argv = (sys.executable, "-m", f"astroscale_{service}", *arguments)
        found.append(Service(name, service, host, actual, argv, {f"ASTROSCALE_{section}__{setting}": str(actual)}))
    return found


def parse_replicas(texts: list[str]) -> dict[str, int]:
    """`["inference=2"]` as `{"inference": 2}`.

    Raises:
        LocalError: not of that form, or a service that has no replicas.
    """
    found: dict[str, int] = {}
    for text in texts:
        name, _, count = text.partition("=")
        if name not in REPLICABLE or not count.isdigit() or not 1 <= int(count) <= 32:  # noqa: PLR2004, RUF100
            raise LocalError(
                f"--replicas {text} is not understood.", f"Write NAME=1..32, with NAME one of {', '.join(REPLICABLE)}."
            )
        found[name] = int(count)
    return found


def make(replicas: Mapping[str, int] | None = None) -> Plan:
    """Reads the settings and settles every port.

    Raises:
        LocalError: a port is taken; names it and the setting that moves it.
        AstroScaleError: a setting is not valid.
    """
    settings = LocalSettings.load()
    paths = StatePaths(settings.state_dir.resolve())
    kafka, redis, registry = KafkaSettings.load(), RedisSettings.load(), RegistrySettings.load()
    kafka_port = _own_port(kafka.bootstrap_servers, 9092, "Kafka", "ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS")
    redis_port = _own_port(redis.url, 6379, "Redis", "ASTROSCALE_REDIS__URL")
    env = {
        "ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka_port}" if kafka_port else kafka.bootstrap_servers,
        "ASTROSCALE_REGISTRY__ROOT": str(_registry_root(registry, paths)),
        "ASTROSCALE_REGISTRY__SHIPPED": str(project.find(registry.shipped)),
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    if IngestorListens.load().watch_dir is None:  # the drop folder moves with the state folder, too
        env["ASTROSCALE_INGESTOR__WATCH_DIR"] = str(paths.root / "incoming")
    if redis_port:
        env["ASTROSCALE_REDIS__URL"] = f"redis://127.0.0.1:{redis_port}/0"
    return Plan(settings, paths, kafka_port, redis_port, tuple(_services(replicas or {})), env)


def _registry_root(registry: RegistrySettings, paths: StatePaths) -> Path | str:
    """The registry's folder or bucket; a folder moves with the state folder unless it was set by itself."""
    if "root" not in registry.model_fields_set:
        return paths.registry
    return registry.root.resolve() if isinstance(registry.root, Path) else registry.root
