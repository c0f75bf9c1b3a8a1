"""One child process: its own process group, its output in a log file, gone when its parent dies."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from astroscale_local.errors import LocalError

_PR_SET_PDEATHSIG = 1
_LIBC: ctypes.CDLL | None = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Runs in the child before exec: a killed supervisor leaves no orphans (Linux only; elsewhere `down` cleans up)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def start_time(pid: int) -> float | None:
    """When the process started (seconds since the epoch), or None where there is no such process."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def is_same(pid: int, started: float) -> bool:
    """Whether `pid` is still the process that started at `started`: pids are used again, start times are not."""
    now = start_time(pid)
    return now is not None and abs(now - started) < 1.0


def tail(path: Path, lines: int = 30) -> str:
    """The last lines of a log file, or nothing where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 64_000))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


@dataclass
class ManagedProcess:
    """A child process with a name. `start` may be called again after it has ended."""

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    cwd: Path | None = None
    _popen: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0

    @property
    def pid(self) -> int:
        """Raises LookupError before the first start."""
        if self._popen is None:
            raise LookupError(f"{self.name} was never started")
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        return None if self._popen is None else self._popen.poll()

    def start(self) -> None:
        """Starts the process with its output appended to `log`."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._popen = subprocess.Popen(
                list(self.argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.env},
                cwd=self.cwd,
                start_new_session=True,  # Ctrl-C in the terminal reaches the supervisor alone, which stops all in order
                preexec_fn=_die_with_parent,
            )
        self.started = start_time(self._popen.pid) or time.time()

    def wait_ready(self, ready: Callable[[], bool], timeout: float) -> float:
        """Waits until `ready()` is true and returns the seconds that took.

        Raises:
            LocalError: the process ended first or the time ran out; carries the end of the log.
        """
        began = time.monotonic()
        while not ready():
            if not self.running:
                raise LocalError(
                    f"{self.name} ended with exit code {self.exit_code} before it was ready.",
                    f"Its log is {self.log}.",
                    tail(self.log),
                )
            if time.monotonic() - began > timeout:
                raise LocalError(
                    f"{self.name} was not ready after {timeout:.0f} s.", f"Its log is {self.log}.", tail(self.log)
                )
            time.sleep(0.05)
        return time.monotonic() - began

    def wait(self, timeout: float) -> int:
        """Waits for the process to end by itself and returns its exit code; subprocess.TimeoutExpired where it does not."""
        if self._popen is None:
            raise LookupError(f"{self.name} was never started")
        return self._popen.wait(timeout)

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting."""
        if self._popen is not None and self.running:
            self._popen.terminate()

    def stop(self, timeout: float = 20.0) -> bool:
        """Asks with SIGTERM, insists with SIGKILL after `timeout` seconds. True where asking was enough."""
        self.ask_to_stop()
        return self.wait_or_kill(timeout)

    def wait_or_kill(self, timeout: float) -> bool:
        """Waits, then SIGKILL. True where waiting was enough."""
        if self._popen is None:
            return True
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True

    def kill(self) -> None:
        """SIGKILL to the whole process group, and waits for it."""
        if self._popen is None or not self.running:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
