"""The supervisor over small real processes; the whole system is in tests/integration."""

import io
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from astroscale_local import plan as planning
from astroscale_local import state
from astroscale_local.process import ManagedProcess
from astroscale_local.report import Report
from astroscale_local.supervisor import Part, Supervisor
from rich.console import Console

from tests.support.system import free_port_settings

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, value in free_port_settings(tmp_path).items():
        monkeypatch.setenv(name, value)
    made = Supervisor(planning.make(), Report(Console(file=io.StringIO(), width=200), tmp_path / "supervisor.log"))
    made.plan.paths.create()
    yield made
    for part in made.parts:
        part.process.kill()


def launch(supervisor: Supervisor, name: str, code: str = SLEEP) -> Part:
    service = next((one for one in supervisor.plan.services if one.name == name), None)
    log = supervisor.plan.paths.log(name)
    part = Part(ManagedProcess(name, [sys.executable, "-c", code], log), service)
    supervisor.launch(part, "http://127.0.0.1:1")
    return part


def events(supervisor: Supervisor) -> list[dict[str, Any]]:
    text = (supervisor.plan.paths.root / "supervisor.log").read_text()
    return [json.loads(line) for line in text.splitlines()]


def check_until(supervisor: Supervisor, condition) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        supervisor.check()
        time.sleep(0.02)


def test_a_killed_service_is_started_again_and_said(supervisor: Supervisor) -> None:
    part = launch(supervisor, "inference")
    old = part.process.pid
    part.process.kill()

    check_until(supervisor, lambda: part.process.running)

    assert part.process.pid != old
    told = events(supervisor)
    assert [(one["event"], one.get("part")) for one in told] == [("crashed", "inference"), ("restarted", "inference")]
    assert told[0]["exit_code"] == -signal.SIGKILL
    kept = state.load(supervisor.plan.paths.state_file)
    assert kept is not None
    assert [one.pid for one in kept.processes] == [part.process.pid]


def test_each_further_crash_waits_longer(supervisor: Supervisor) -> None:
    launch(supervisor, "inference", "raise SystemExit(1)")

    check_until(supervisor, lambda: (supervisor.parts[0].crashes, supervisor.parts[0].restart_at is None) == (3, False))

    assert [one["delay_s"] for one in events(supervisor) if one["event"] == "crashed"] == [0.5, 1.0, 2.0]


def test_the_gateway_stops_first_and_kafka_last(supervisor: Supervisor, tmp_path: Path) -> None:
    order = tmp_path / "order"
    code = (
        "import signal, sys, time\n"
        "def stop(*_):\n"
        f"    open({str(order)!r}, 'a').write(sys.argv[1] + ' ')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "print('up', flush=True)\n"
        "time.sleep(60)\n"
    )
    for name in ("kafka", "redis", "inference", "gateway"):
        part = launch(supervisor, name, code)
        part.process.kill()
        part.process.argv = [*part.process.argv, name]
        part.process.start()
        part.process.wait_ready(lambda part=part: "up" in part.process.log.read_text(), 20)

    supervisor.stop()

    assert order.read_text().split() == ["gateway", "inference", "redis", "kafka"]
    assert not supervisor.plan.paths.state_file.exists()
