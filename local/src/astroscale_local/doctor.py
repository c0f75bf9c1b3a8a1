"""Looks at what this machine has and lacks."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from astroscale_local import plan, state
from astroscale_local.errors import LocalError
from astroscale_local.java import find_java
from astroscale_local.kafka import jars
from astroscale_local.paths import StatePaths
from astroscale_local.redis.server import find_redis
from astroscale_local.settings import LocalSettings

Verdict = Literal["ok", "note", "missing"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's table. Only `missing` keeps the system from running."""

    what: str
    verdict: Verdict
    found: str
    advice: str = ""


def _version(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    return (done.stdout or done.stderr).strip().splitlines()[0]


def _python() -> Finding:
    found = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("Python", "ok", f"{found} ({sys.executable})")


def _tool(name: str, places: list[Path], advice: str) -> Finding:
    """A tool that only building needs."""
    for place in [*places, *([Path(there)] if (there := shutil.which(name)) else [])]:
        if place.exists():
            try:
                return Finding(name, "ok", f"{_version([str(place), '--version'])} ({place})")
            except (OSError, subprocess.SubprocessError):
                continue
    return Finding(name, "note", "not found", advice)


def _java() -> Finding:
    java = find_java()
    return Finding("Java", "ok", f"{java.major} ({java.source})")


def _redis() -> Finding:
    path, source = find_redis()
    return Finding("Redis", "ok", f"{source} ({path})")


def _kafka() -> Finding:
    missing = jars.missing()
    if missing:
        advice = "The first start fetches them (about 45 MB)."
        return Finding("Kafka", "note", f"{len(missing)} of {len(jars.locked())} jars not fetched yet", advice)
    return Finding("Kafka", "ok", f"{len(jars.locked())} jars in {jars.cache_folder()}")


def _ports() -> Finding:
    settings = LocalSettings.load()
    running = state.load(StatePaths(settings.state_dir.resolve()).state_file)
    if running is not None and running.supervisor.alive:
        return Finding("Ports", "ok", f"held by the running system ({running.address})")
    made = plan.make()
    listed = [made.kafka_port, made.redis_port, *(one.port for one in made.services)]
    return Finding("Ports", "ok", "free: " + ", ".join(str(port) for port in listed if port is not None))


def _disk() -> Finding:
    settings = LocalSettings.load()
    folder = settings.state_dir.resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    if free < settings.minimum_free_gb:
        return Finding("Disk", "missing", f"{free:.1f} GB free", "Free some, or set ASTROSCALE_LOCAL__STATE_DIR.")
    return Finding("Disk", "ok", f"{free:.0f} GB free at {folder}")


def _engine() -> Finding:
    docker = shutil.which("docker")
    if docker is None:
        return Finding("Container engine", "note", "not found", "Needed for `docker compose up` only.")
    done = subprocess.run(
        [docker, "info", "--format", "{{.ServerVersion}}"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        return Finding(
            "Container engine", "note", "the client is there, no engine runs", "For `docker compose up` only."
        )
    return Finding("Container engine", "ok", f"Docker {done.stdout.strip()}")


def examine() -> list[Finding]:
    """Everything the system needs or likes on this machine."""
    tools = Path(os.environ.get("ASTROSCALE_TOOLS", ".astroscale/tools"))
    checks: list[tuple[str, Callable[[], Finding]]] = [
        ("Python", _python),
        ("uv", lambda: _tool("uv", [tools / "uv/bin/uv"], "`make setup` brings it; needed for development only.")),
        (
            "Node",
            lambda: _tool("node", [tools / "node/bin/node"], "`make setup` brings it; for building the page only."),
        ),
        ("Java", _java),
        ("Kafka", _kafka),
        ("Redis", _redis),
        ("Ports", _ports),
        ("Disk", _disk),
        ("Container engine", _engine),
    ]
    findings: list[Finding] = []
    for what, check in checks:
        try:
            findings.append(check())
        except LocalError as error:
            findings.append(Finding(what, "missing", error.message, error.way_out))
    return findings
