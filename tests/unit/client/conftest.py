"""A gateway by the contract for the client's unit tests; the real one is met in tests/integration."""

from collections.abc import Generator
from pathlib import Path

import pytest
from astroscale_client import cli

from tests.unit.client.fake_gateway import FakeGateway, running


@pytest.fixture
def gateway() -> Generator[FakeGateway]:
    with running() as started:
        yield started


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No system runs in the working folder, and no setting comes from outside."""
    monkeypatch.chdir(tmp_path)
    for name in ("ASTROSCALE_URL", "ASTROSCALE_API_KEY", "ASTROSCALE_CONFIG", "ASTROSCALE_LOCAL__STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    # Logging belongs to the process, which is pytest's here; subprocesses in tests/integration show that it is quiet.
    monkeypatch.setattr(cli, "_quiet_logs", lambda: None)
    return tmp_path
