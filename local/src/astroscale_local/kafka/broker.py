"""Formats and starts the broker: one KRaft node on loopback."""

import os
import socket
import struct
import subprocess
import uuid
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path

from astroscale_local.errors import LocalError
from astroscale_local.java import find_java
from astroscale_local.kafka import jars
from astroscale_local.process import ManagedProcess

_HERE = Path(__file__).parent
_API_VERSIONS = struct.pack(">hhih", 18, 0, 1, -1)


@dataclass(frozen=True)
class Broker:
    """What is needed to run a broker: where it keeps its data and on which ports it listens."""

    folder: Path
    port: int
    controller_port: int
    heap: str = "768m"

    @property
    def bootstrap_servers(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def properties_file(self) -> Path:
        return self.folder / "server.properties"

    @property
    def data(self) -> Path:
        return self.folder / "data"


def _java_command(broker: Broker, classpath: list[Path], *flags: str) -> list[str]:
    java = find_java()
    native = ["--enable-native-access=ALL-UNNAMED"] if java.major >= 24 else []
    return [
        str(java.path),
        *flags,
        *native,
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={_HERE / 'log4j2.properties'}",
        f"-Dkafka.logs.dir={broker.folder.resolve()}",
        "-cp",
        os.pathsep.join(str(jar) for jar in classpath),
    ]


def write_properties(broker: Broker) -> None:
    """Fills the template in; ports may have moved since the last start."""
    broker.folder.mkdir(parents=True, exist_ok=True)
    text = (_HERE / "server.properties").read_text(encoding="utf-8")
    for name, value in {
        "port": broker.port,
        "controller_port": broker.controller_port,
        "log_dirs": broker.data.resolve(),
    }.items():
        text = text.replace("{" + name + "}", str(value))
    broker.properties_file.write_text(text, encoding="utf-8")


def format_storage(broker: Broker, classpath: list[Path]) -> None:
    """Gives an empty data folder its cluster id. Does nothing where that is done already.

    Raises:
        LocalError: the tool refused; carries what it said.
    """
    if (broker.data / "meta.properties").exists():
        return
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    if cluster.startswith("-"):  # the tool takes it for an option
        cluster = "A" + cluster[1:]
    command = _java_command(broker, classpath, "-Xmx128m", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
    command += ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(broker.properties_file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise LocalError(
            "Kafka's data folder could not be prepared.",
            f"Remove {broker.folder} (`astroscale down --wipe`) and start again.",
            (done.stdout + done.stderr).strip(),
        )


def broker_process(broker: Broker, log: Path) -> ManagedProcess:
    """A formatted broker, not yet started. Fetches the jars where they are missing."""
    classpath = jars.fetch()
    write_properties(broker)
    format_storage(broker, classpath)
    command = _java_command(
        broker, classpath, f"-Xmx{broker.heap}", "-Xms128m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-Xshare:auto"
    )
    return ManagedProcess("kafka", [*command, "kafka.Kafka", str(broker.properties_file)], log)


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a broker answers an ApiVersions request: it does so only once it is registered and unfenced."""
    try:
        with socket.create_connection((host, port), timeout=2) as link:
            link.sendall(struct.pack(">i", len(_API_VERSIONS)) + _API_VERSIONS)
            return len(link.recv(8)) == 8
    except OSError:
        return False
