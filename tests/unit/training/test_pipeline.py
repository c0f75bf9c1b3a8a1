"""A whole small training run, from tables to a published model."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from astroscale_shared.registry import Registry
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_training import cli, pipeline
from astroscale_training.pipeline import train
from astroscale_training.settings import TrainingSettings
from typer import Typer
from typer.testing import CliRunner

NOW = datetime(2025, 1, 2, tzinfo=UTC)


def silent(_step: str) -> None:
    return None


def test_run_publishes_graph_and_card_and_again_changes_nothing(small: TrainingSettings, tmp_path: Path) -> None:
    ref, card = train(small, out=tmp_path, name="default", trained_at=NOW, say=silent)
    assert Registry(tmp_path).load("default", ref.version)[1] == card
    assert card.parity.passed
    assert card.parity.rows >= 20_000
    assert card.trained_at == NOW
    assert card.data[0].file == "mock.csv"
    assert card.counts_per_survey == {"simulated": 600}
    assert "r2" in card.metrics
    assert card.calibration
    text = card.to_bytes().decode()
    assert str(small.data) not in text
    assert str(tmp_path) not in text
    again, _ = train(small, out=tmp_path, name="default", trained_at=NOW, say=silent)
    assert again == ref


def test_a_failing_gate_publishes_nothing(
    small: TrainingSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AstroScaleError("parity_failed", "the graph is not the model")

    monkeypatch.setattr(pipeline, "require_parity", refuse)
    with pytest.raises(AstroScaleError, match="not the model"):
        train(small, out=tmp_path / "models", name="default", trained_at=NOW, say=silent)
    assert not (tmp_path / "models").exists()


def test_command_says_what_is_wrong_and_fails(tmp_path: Path) -> None:
    app = Typer()
    cli.register(app)
    result = CliRunner().invoke(app, ["--data", str(tmp_path), "--out", str(tmp_path / "models")])
    assert result.exit_code == 1
    assert "no_training_data" in result.output
    result = CliRunner().invoke(app, ["--normalization", "wrong"])
    assert result.exit_code == 2
    assert "'standard', 'robust', 'none'" in result.output


def test_adding_the_command_does_not_import_scikit_learn() -> None:
    code = "import sys, astroscale_training.cli; sys.exit('sklearn' in sys.modules or 'onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
