"""An operator at a terminal: `astroscale ...` in this process, against a test's broker."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from astroscale_client import cli
from astroscale_shared.runtime.settings import KafkaSettings


@dataclass(frozen=True)
class Operator:
    """Runs commands and reads what they print. For tests that are no coroutines."""

    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Standard output, and what was said beside it."""
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        said = self.capsys.readouterr()
        assert (ended.value.code or 0) == code, said.out + said.err
        return said.out + said.err

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Standard output, read as JSON."""
        with pytest.raises(SystemExit) as ended:
            cli.main((*arguments, "--json"))
        said = self.capsys.readouterr()
        assert (ended.value.code or 0) == code, said.out + said.err
        return json.loads(said.out)


def at_terminal(
    settings: KafkaSettings,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    env: Mapping[str, str] | None = None,
) -> Operator:
    """In a folder of their own, with this broker; `env` are further settings."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("ASTROSCALE_CONFIG", str(folder / "no-config.toml"))
    for name, value in (env or {}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS", settings.bootstrap_servers)
    return Operator(capsys)
