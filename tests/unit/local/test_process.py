import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from astroscale_local import process
from astroscale_local.errors import LocalError
from astroscale_local.process import ManagedProcess


def sleeper(folder: Path, code: str = "import time; time.sleep(60)") -> ManagedProcess:
    return ManagedProcess("sleeper", [sys.executable, "-c", code], folder / "sleeper.log")


def wait_until(condition, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_process_that_ends_before_it_is_ready_is_told_with_its_log(tmp_path: Path) -> None:
    one = sleeper(tmp_path, "import sys; print('no disk left'); sys.exit(3)")
    one.start()

    with pytest.raises(LocalError, match="exit code 3") as told:
        one.wait_ready(lambda: False, timeout=20)

    assert "no disk left" in told.value.details


def test_a_process_that_is_never_ready_is_told_after_the_time_out(tmp_path: Path) -> None:
    one = sleeper(tmp_path)
    one.start()
    try:
        with pytest.raises(LocalError, match="not ready after"):
            one.wait_ready(lambda: False, timeout=0.2)
    finally:
        one.kill()


def test_one_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    one = sleeper(tmp_path, code)
    one.start()
    wait_until(lambda: one.log.read_text().strip())
    child = int(one.log.read_text())

    assert one.stop(timeout=0.3) is False

    assert one.exit_code == -signal.SIGKILL
    wait_until(lambda: process.start_time(child) is None)


def test_environment_and_output_reach_where_they_should(tmp_path: Path) -> None:
    one = ManagedProcess(
        "says",
        [sys.executable, "-c", "import os; print(os.environ['STAR'])"],
        tmp_path / "l/says.log",
        {"STAR": "Vega"},
    )
    one.start()

    assert one.wait(20) == 0
    assert one.log.read_text() == "Vega\n"


def test_a_pid_counts_only_with_its_start_time(tmp_path: Path) -> None:
    one = sleeper(tmp_path)
    one.start()
    try:
        assert process.is_same(one.pid, one.started)
        assert not process.is_same(one.pid, one.started - 100)
    finally:
        one.stop()
    assert not process.is_same(one.pid, one.started)


@pytest.mark.skipif(sys.platform != "linux", reason="the parent's death is signalled on Linux only")
def test_children_of_a_killed_parent_end_too(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from astroscale_local.process import ManagedProcess;"
        f"one = ManagedProcess('c', [sys.executable, '-c', 'import time; time.sleep(60)'], Path({str(tmp_path)!r}) / 'c');"
        "one.start(); print(one.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert psutil.pid_exists(child)
        parent.kill()
    wait_until(lambda: process.start_time(child) is None)
