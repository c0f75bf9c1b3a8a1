"""The supervisor over the whole system."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from astroscale_local import health, state
from astroscale_local.paths import StatePaths

from tests.support.system import Stack, command_env, free_port_settings

SERVICES = {"inference", "preprocessor", "ingestor", "federation", "gateway"}


def local(settings: dict[str, str], *arguments: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    """`python -m astroscale_local ...` as a user calls it."""
    command = [sys.executable, "-m", "astroscale_local", *arguments]
    return subprocess.run(
        command, env=command_env(settings), capture_output=True, text=True, timeout=timeout, check=False
    )


def test_every_part_runs_and_is_ready(stack: Stack) -> None:
    assert set(stack.pids) == SERVICES | {"kafka", "redis"}
    assert all(health.ready(stack.url(name)) for name in SERVICES)


def test_every_service_has_metrics_where_prometheus_is_told_to_look(stack: Stack) -> None:
    targets = json.loads(StatePaths(stack.state_dir).targets_file.read_text())

    assert {one["labels"]["job"] for one in targets} == SERVICES
    for one in targets:
        with urllib.request.urlopen(f"http://{one['targets'][0]}/metrics", timeout=5) as answer:
            assert b"# TYPE" in answer.read()


def test_a_second_start_points_to_the_first(stack: Stack) -> None:
    done = local(free_port_settings(stack.state_dir), "up")

    assert done.returncode == 0
    assert f"already running: {stack.gateway_url}" in done.stderr


@pytest.mark.parametrize("name", ["inference", "gateway"])
def test_a_killed_service_comes_back(stack: Stack, name: str) -> None:
    old = stack.kill(name)

    stack.wait_restarted(name, old)

    log = (StatePaths(stack.state_dir).log("supervisor")).read_text()
    crashed = [one for one in map(json.loads, log.splitlines()) if one["event"] == "crashed" and one["part"] == name]
    assert crashed[-1]["exit_code"] == -9


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_up_streams_the_sample_and_down_leaves_no_process(tmp_path: Path) -> None:
    sample = tmp_path / "stars.csv"
    rows = "".join(f"s{n},{n},{n / 10},5800,4.3,0.0,100,7.2\n" for n in range(300))
    sample.write_text(f"source_id,ra,dec,teff,logg,fe_h,snr,parallax\n{rows}s300,400,0,5800,4.3,0,100,7.2\n")
    folder = tmp_path / "state"
    settings = {**free_port_settings(folder), "ASTROSCALE_LOCAL__SAMPLE": str(sample)}
    try:
        done = local(settings, "up", "--detach", timeout=240)

        assert done.returncode == 0, done.stdout + done.stderr
        assert "301 of 301 rows" in done.stdout
        running = state.load(StatePaths(folder).state_file)
        assert running is not None
        assert running.phase == "ready"
        processes = [running.supervisor, *running.processes]
    finally:
        stopped = local(settings, "down", timeout=60)

    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert [one.name for one in processes if one.alive] == []
    told = [json.loads(line) for line in StatePaths(folder).log("supervisor").read_text().splitlines()]
    order = [one["step"] for one in told if one["event"] == "step_done" and one["step"].startswith("Stopping")]
    assert order == ["Stopping gateway", "Stopping services", "Stopping redis", "Stopping kafka"]
