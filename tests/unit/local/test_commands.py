import fcntl
import io
import json
import os
import sys
import tomllib
from pathlib import Path

import pytest
import typer
from astroscale_local import cli, commands, init_config, sample, state
from astroscale_local.errors import LocalError
from astroscale_local.paths import StatePaths
from astroscale_local.process import ManagedProcess
from astroscale_local.settings import LocalSettings
from astroscale_local.state import Entry, State
from rich.console import Console
from typer.testing import CliRunner

from tests.support.system import free_port_settings


@pytest.fixture(autouse=True)
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StatePaths:
    for name, value in free_port_settings(tmp_path).items():
        monkeypatch.setenv(name, value)
    return StatePaths(tmp_path)


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def run(*arguments: str):
    app = typer.Typer()
    cli.register(app)
    return CliRunner().invoke(app, list(arguments))


def test_a_second_start_says_where_the_first_one_is(paths: StatePaths) -> None:
    paths.create()
    State(state.myself(), "ready", "http://127.0.0.1:8080").save(paths.state_file)
    with (paths.run / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        result = run("up")

    assert result.exit_code == 0
    assert "already running: http://127.0.0.1:8080" in result.output


def test_a_start_beside_one_that_is_not_ready_fails(paths: StatePaths) -> None:
    paths.create()
    State(state.myself(), "starting").save(paths.state_file)
    with (paths.run / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        result = run("up")

    assert result.exit_code == 1
    assert "is starting" in result.output


def test_a_full_disk_is_said_before_anything_starts(paths: StatePaths) -> None:
    settings = LocalSettings.load().model_copy(update={"minimum_free_gb": 10**9})

    with pytest.raises(LocalError, match="GB are free"):
        commands.check_disk(settings, paths)


def test_down_where_nothing_runs(paths: StatePaths) -> None:
    result = run("down")

    assert (result.exit_code, result.output) == (0, "Nothing is running.\n")


def test_down_stops_what_a_dead_supervisor_left(paths: StatePaths) -> None:
    left = ManagedProcess("inference", [sys.executable, "-c", "import time; time.sleep(60)"], paths.log("inference"))
    left.start()
    try:
        dead = Entry("supervisor", left.pid, 1.0)  # that pid belongs to another process now
        State(dead, "ready", processes=[Entry("inference", left.pid, left.started)]).save(paths.state_file)

        commands.down(quiet(), wipe=False)

        assert not left.running
        assert not paths.state_file.exists()
    finally:
        left.kill()


def test_wipe_removes_what_a_run_left_and_nothing_else(paths: StatePaths) -> None:
    paths.create()
    (paths.root / "tools").mkdir()

    commands.down(quiet(), wipe=True)

    assert [one.name for one in paths.root.iterdir()] == ["tools"]


def test_the_settings_of_a_running_system_are_known_to_other_commands(paths: StatePaths) -> None:
    assert commands.running_env(paths.root) == {}

    State(state.myself(), "ready", env={"ASTROSCALE_REDIS__URL": "redis://127.0.0.1:1/0"}).save(paths.state_file)

    assert commands.running_env(paths.root) == {"ASTROSCALE_REDIS__URL": "redis://127.0.0.1:1/0"}


def test_doctor_answers_programs_too() -> None:
    result = run("doctor", "--json")

    found = {one["what"]: one["verdict"] for one in json.loads(result.output)}
    assert found.keys() >= {"Python", "uv", "node", "Java", "Kafka", "Redis", "Ports", "Disk", "Container engine"}
    assert result.exit_code == (1 if "missing" in found.values() else 0)


def test_the_written_config_is_valid_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.toml"
    init_config.write(path, force=False)

    document = tomllib.loads(path.read_text())
    assert document["kafka"]["bootstrap_servers"] == "127.0.0.1:9092"
    monkeypatch.setenv("ASTROSCALE_CONFIG", str(path))
    for name in [one for one in os.environ if one.startswith("ASTROSCALE_") and "__" in one]:
        monkeypatch.delenv(name)
    with_file = {found.table: found.load() for found in init_config.settings_classes()}
    monkeypatch.setenv("ASTROSCALE_CONFIG", str(tmp_path / "none.toml"))
    assert with_file == {found.table: found.load() for found in init_config.settings_classes()}


def test_an_existing_config_is_kept_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("mine")

    assert run("init-config", str(path)).exit_code == 1
    assert path.read_text() == "mine"

    assert run("init-config", str(path), "--force").exit_code == 0
    assert "[kafka]" in path.read_text()


def test_rows_are_counted_without_header_and_empty_lines(tmp_path: Path) -> None:
    table = tmp_path / "stars.csv"
    table.write_text("ra,dec\n1,2\n3,4\n\n")

    assert sample.count_rows(table) == 2
