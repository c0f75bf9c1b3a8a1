"""Where the system is."""

import json
import os
from pathlib import Path
from typing import Any

import psutil
import pytest
from astroscale_client import where
from astroscale_shared.runtime.errors import AstroScaleError


def write_state(folder: Path, **changes: Any) -> None:
    started = psutil.Process().create_time()
    state: dict[str, Any] = {
        "supervisor": {"name": "supervisor", "pid": os.getpid(), "started": started, "url": ""},
        "phase": "ready",
        "address": "http://127.0.0.1:4321",
        "processes": [{"name": "inference", "pid": os.getpid(), "started": started, "url": "http://127.0.0.1:5"}],
        "env": {"ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:777", "OMP_NUM_THREADS": "1"},
    }
    path = folder / ".astroscale" / "run" / "state.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(state | changes), "utf-8")


def test_the_system_of_this_folder_is_found(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_state(elsewhere)
    monkeypatch.delenv("ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS")
    assert where.gateway_url() == "http://127.0.0.1:4321"
    where.adopt_settings()
    assert os.environ["ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS"] == "127.0.0.1:777"
    monkeypatch.delenv("ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS")


def test_the_environment_goes_first(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_state(elsewhere)
    monkeypatch.setenv("ASTROSCALE_URL", "http://star.example/")
    where.adopt_settings()
    assert where.gateway_url() == "http://star.example"
    assert os.environ["ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS"] == "127.0.0.1:1"
    assert where.gateway_url("http://given:1") == "http://given:1"


def test_a_dead_supervisor_is_no_system(elsewhere: Path) -> None:
    write_state(elsewhere, supervisor={"name": "supervisor", "pid": os.getpid(), "started": 1.0, "url": ""})
    assert where.running() is None
    assert where.gateway_url() == where.DEFAULT_URL


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"supervisor": 3}'])
def test_a_damaged_state_file_is_no_system(elsewhere: Path, content: str) -> None:
    write_state(elsewhere)
    (elsewhere / ".astroscale" / "run" / "state.json").write_text(content, "utf-8")
    assert where.running() is None


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://x", "http://"])
def test_what_is_no_address_is_said(url: str) -> None:
    with pytest.raises(AstroScaleError, match="is no address of a gateway"):
        where.gateway_url(url)
