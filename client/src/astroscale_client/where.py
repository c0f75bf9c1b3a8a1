"""Where the system is: what the environment says, else what runs in this folder, else the defaults."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psutil
from astroscale_shared.runtime.errors import AstroScaleError

DEFAULT_URL: Final = "http://127.0.0.1:8080"
_SAME_START_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Service:
    """A process of the system running in this folder; url is empty where it has no HTTP."""

    name: str
    url: str
    alive: bool


@dataclass(frozen=True, slots=True)
class Running:
    """The system that `astroscale up` runs in this folder. env: its settings, without secrets."""

    address: str
    services: tuple[Service, ...]
    env: dict[str, str]


def running() -> Running | None:
    """What the supervisor's state file says, if that supervisor is alive."""
    folder = Path(os.environ.get("ASTROSCALE_LOCAL__STATE_DIR") or ".astroscale")
    try:
        state: dict[str, Any] = json.loads((folder / "run" / "state.json").read_text("utf-8"))
        supervisor = state["supervisor"]
        if not _is_alive(supervisor):
            return None
        services = tuple(Service(str(p["name"]), str(p["url"]), _is_alive(p)) for p in state["processes"])
        return Running(str(state["address"]), services, {str(k): str(v) for k, v in state["env"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def adopt_settings() -> None:
    """Let settings that are not in the environment be those of the system running here (its ports may be any)."""
    found = running()
    for name, value in (found.env if found else {}).items():
        if name.startswith("ASTROSCALE_"):
            os.environ.setdefault(name, value)


def gateway_url(given: str | None = None) -> str:
    """The gateway's address; AstroScaleError `bad_url` where it is none."""
    url = given or os.environ.get("ASTROSCALE_URL")
    if not url:
        found = running()
        url = found.address if found and found.address else DEFAULT_URL
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AstroScaleError("bad_url", f"{url!r} is no address of a gateway: write it as {DEFAULT_URL}")
    return url.rstrip("/")


def api_key() -> str | None:
    """The key that the gateway asks for, where it does."""
    return os.environ.get("ASTROSCALE_API_KEY") or None


def _is_alive(entry: dict[str, Any]) -> bool:
    """The same process: a number is given anew, a start time is not."""
    try:
        return abs(psutil.Process(int(entry["pid"])).create_time() - float(entry["started"])) < _SAME_START_S
    except psutil.Error:
        return False
