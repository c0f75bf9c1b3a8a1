"""What `up` and `down` do, without a word about how they are called."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from types import FrameType

from rich.console import Console

from astroscale_local import plan as planning
from astroscale_local import sample, state
from astroscale_local.errors import LocalError
from astroscale_local.paths import StatePaths
from astroscale_local.report import Report
from astroscale_local.settings import LocalSettings
from astroscale_local.supervisor import Supervisor

_GB = 1_000_000_000


class AlreadyRunningError(LocalError):
    """Another supervisor holds this state folder. `ready` says whether its system is up."""

    def __init__(self, found: state.State | None) -> None:
        self.ready = found is not None and found.phase == "ready"
        if found is not None and self.ready:
            super().__init__(f"AstroScale is already running: {found.address}", "`make down` stops it.")
        else:
            phase = "starting" if found is None else found.phase
            super().__init__(f"Another start uses this state folder and is {phase}.", "`make down` ends it.")


@contextlib.contextmanager
def _only_one(paths: StatePaths) -> Generator[None]:
    """Holds the state folder; the system lets go of the lock even where this process is killed."""
    paths.create()
    with (paths.run / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(state.load(paths.state_file)) from None
        yield


def check_disk(settings: LocalSettings, paths: StatePaths) -> None:
    """Raises LocalError where the state folder's disk is nearly full."""
    free = shutil.disk_usage(paths.root).free / _GB
    if free < settings.minimum_free_gb:
        raise LocalError(
            f"Only {free:.1f} GB are free where {paths.root} is, and a start needs {settings.minimum_free_gb:g} GB.",
            "Free some space, or move the state folder with ASTROSCALE_LOCAL__STATE_DIR.",
        )


class _Signals:
    """SIGINT, SIGTERM and SIGHUP: an interruption while starting, a flag once everything runs; asked once is enough."""

    def __init__(self) -> None:
        self.asked = False
        self.interrupt = True
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, self._received)

    def _received(self, _number: int, _frame: FrameType | None) -> None:
        first, self.asked = not self.asked, True
        if first and self.interrupt:
            raise KeyboardInterrupt


def up(console: Console, *, replicas: dict[str, int], with_sample: bool, sample_again: bool) -> None:
    """Starts everything and stays until SIGINT or SIGTERM, then stops everything in order.

    Raises:
        LocalError: something stands in the way; what was started is stopped again.
    """
    settings = LocalSettings.load()
    paths = StatePaths(settings.state_dir.resolve())
    with _only_one(paths):
        signals = _Signals()
        paths.rotate_logs()
        report = Report(console, paths.log("supervisor"))
        _take_over(paths, report)
        check_disk(settings, paths)
        supervisor = Supervisor(planning.make(replicas), report)
        try:
            began = time.monotonic()
            supervisor.start()
            _announce(supervisor, report, time.monotonic() - began)
            if with_sample:
                _stream_sample(supervisor, report, again=sample_again)
            signals.interrupt = False
            report.say(
                f"Ready. The page is at {supervisor.plan.gateway_url}  (Ctrl-C or make down stops all)", "ready", "bold"
            )
            supervisor.mark_ready()
            while not signals.asked:
                supervisor.check()
                time.sleep(0.1)
        except KeyboardInterrupt:
            report.log("interrupted")
        finally:
            signals.interrupt = False
            if signals.asked:
                report.say("Stopping, the gateway first, Kafka last.", "stopping")
            supervisor.stop()


def _stream_sample(supervisor: Supervisor, report: Report, *, again: bool) -> None:
    """A system without its sample still serves: a failure is said, not fatal."""
    try:
        sample.stream_once(supervisor.plan, report, again=again, tick=supervisor.check)
    except LocalError as error:
        report.say(str(error), "sample_failed", "yellow", reason=error.message)


def _announce(supervisor: Supervisor, report: Report, seconds: float) -> None:
    report.say(
        f"Everything answers after {seconds:.1f} s: {supervisor.plan.gateway_url}",
        "up",
        address=supervisor.plan.gateway_url,
        seconds=round(seconds, 3),
    )


def _take_over(paths: StatePaths, report: Report) -> None:
    """Cleans up after a supervisor that did not end in order."""
    left = state.load(paths.state_file)
    if left is None:
        return
    stopped = state.clean_leftovers(left)
    if stopped:
        report.say(
            f"An earlier run did not end in order; stopped what it left: {', '.join(stopped)}.",
            "leftovers_stopped",
            "yellow",
            parts=stopped,
        )
    paths.state_file.unlink(missing_ok=True)


def up_detached(console: Console, arguments: list[str]) -> None:
    """Starts `up` in the background and returns once it is ready.

    Raises:
        LocalError: it ended before it was ready.
    """
    paths = StatePaths(LocalSettings.load().state_dir.resolve())
    paths.create()
    found = state.load(paths.state_file)
    if found is not None and found.supervisor.alive:
        raise AlreadyRunningError(found)
    log = paths.run / "console.txt"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "astroscale_local", "up", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with log.open(encoding="utf-8") as lines:
        while True:
            # The order matters: what was written before the end or before "ready" is shown before we return.
            ended = child.poll()
            now = state.load(paths.state_file)
            for line in lines:
                console.print(line.rstrip("\n"), markup=False, highlight=False, soft_wrap=True)
            if ended is not None:
                raise LocalError("The start failed; what it said is above.", f"The logs are in {paths.logs}.")
            if now is not None and now.supervisor.pid == child.pid and now.phase == "ready":
                return
            time.sleep(0.1)


def down(console: Console, *, wipe: bool) -> None:
    """Stops the running system, or what a dead supervisor left; `wipe` removes its data too.

    Raises:
        LocalError: the supervisor did not end.
    """
    settings = LocalSettings.load()
    paths = StatePaths(settings.state_dir.resolve())
    found = state.load(paths.state_file)
    if found is None:
        console.print("Nothing is running.")
    elif found.supervisor.alive:
        _stop_supervisor(console, found, settings)
    else:
        stopped = state.clean_leftovers(found)
        paths.state_file.unlink(missing_ok=True)
        console.print(f"Stopped what an earlier run left: {', '.join(stopped) or 'nothing was left'}.")
    if wipe:
        for folder in (paths.kafka, paths.redis, paths.registry, paths.run, paths.logs):
            shutil.rmtree(folder, ignore_errors=True)
        console.print(f"Removed the data, logs and registry under {paths.root}.")


def _stop_supervisor(console: Console, found: state.State, settings: LocalSettings) -> None:
    with console.status("Stopping, the gateway first, Kafka last"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.supervisor.pid, signal.SIGTERM)
        gone = state.wait_gone(found.supervisor, settings.stop_timeout_s * 6)
    if not gone:
        raise LocalError(
            f"The supervisor (pid {found.supervisor.pid}) did not stop.",
            f"`kill -9 {found.supervisor.pid}`, then `down`.",
        )
    left = state.clean_leftovers(found)
    console.print(f"Stopped{': these had to be asked again: ' + ', '.join(left) if left else ''}.")


def running_env(state_dir: Path) -> dict[str, str]:
    """The settings of the system that runs from `state_dir`, as environment variables; empty where none runs."""
    found = state.load(StatePaths(state_dir.resolve()).state_file)
    return dict(found.env) if found is not None and found.supervisor.alive else {}
