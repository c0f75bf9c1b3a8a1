"""The state file: who runs, with pid and start time, so that a later command knows what it may touch."""

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import psutil

from astroscale_local.process import is_same

Phase = Literal["starting", "ready", "stopping"]


@dataclass
class Entry:
    """One process. `started` is the system's own start time of that pid."""

    name: str
    pid: int
    started: float
    url: str = ""

    @property
    def alive(self) -> bool:
        return is_same(self.pid, self.started)


@dataclass
class State:
    """What `run/state.json` holds."""

    supervisor: Entry
    phase: Phase = "starting"
    address: str = ""
    processes: list[Entry] = field(default_factory=list[Entry])
    """In starting order."""
    env: dict[str, str] = field(default_factory=dict[str, str])

    def save(self, path: Path) -> None:
        """Writes the file whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        part.replace(path)


def load(path: Path) -> State | None:
    """The state that an earlier or running supervisor left; None where there is none, or it cannot be read."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return State(
            supervisor=Entry(**raw["supervisor"]),
            phase=raw["phase"],
            address=raw["address"],
            processes=[Entry(**one) for one in raw["processes"]],
            env=raw["env"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def clean_leftovers(state: State, timeout: float = 10.0) -> list[str]:
    """Stops what a dead supervisor left running, in stopping order; returns the names."""
    left = [one for one in reversed(state.processes) if one.alive]
    for one in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(one.pid)
            process.terminate()
            try:
                process.wait(timeout)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(timeout)
    return [one.name for one in left]


def wait_gone(entry: Entry, timeout: float) -> bool:
    """Whether the process is gone within `timeout` seconds."""
    end = time.monotonic() + timeout
    while entry.alive:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def myself() -> Entry:
    """This process as an entry."""
    return Entry("supervisor", os.getpid(), psutil.Process().create_time())
