"""A whole small training run, from tables to a published model."""

import re
import subprocess
import sys
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from astroscale_shared.registry import ModelCard, ModelRef, Registry
from astroscale_training import cli
from astroscale_training.pipeline import train
from astroscale_training.settings import TrainingSettings
from astroscale_training.summary import comparison_of
from typer import Typer
from typer.testing import CliRunner

NOW = datetime(2025, 1, 2, tzinfo=UTC)


def silent(_step: str) -> None:
    return None


def run(
    small: TrainingSettings, out: Path, docs: Path | None = None, *, compare: bool = False
) -> tuple[ModelRef, ModelCard]:
    return train(small, out=out, name="default", trained_at=NOW, say=silent, docs=docs, compare=compare)


def test_run_publishes_graph_and_card(small: TrainingSettings, tmp_path: Path) -> None:
    ref, card = run(small, tmp_path / "models", docs=tmp_path / "docs")
    assert Registry(tmp_path / "models").load("default", ref.version)[1] == card
    assert card.parity.passed
    assert card.parity.rows >= 20_000
    assert card.trained_at == NOW
    assert card.data[0].file == "mock.csv"
    assert card.counts_per_survey == {"simulated": 600}
    assert {"r2", "r2_sky_block", "tail_ks", "width_of_constant"} <= card.metrics.keys()
    assert {"learning_curve", "feature_effect", "zero_points", "settings"} <= card.extra.keys()
    assert card.calibration
    assert card.features
    assert card.reference
    assert card.known_failures
    text = card.to_bytes().decode() + (tmp_path / "docs/model-card.md").read_text("utf-8")
    assert str(small.data) not in text
    assert str(tmp_path) not in text
    assert f"# Model card: default {ref.version}" in text
    shown = re.findall(r"\]\((figures/[a-z-]+\.png)\)", text)
    assert sorted(p.relative_to(tmp_path / "docs").as_posix() for p in (tmp_path / "docs/figures").iterdir()) == sorted(
        shown
    )


def test_the_same_run_again_says_the_same_to_the_byte(small: TrainingSettings, tmp_path: Path) -> None:
    first, _ = run(small, tmp_path / "a")
    again, _ = run(small.model_copy(update={"workers": 2}), tmp_path / "b")
    assert again.sha256 == first.sha256
    assert (first.path / "card.json").read_bytes() == (again.path / "card.json").read_bytes()


def test_a_version_keeps_its_first_card_and_the_run_says_so(small: TrainingSettings, tmp_path: Path) -> None:
    ref, card = run(small, tmp_path)
    steps: list[str] = []
    later = NOW + timedelta(days=1)
    again, kept = train(small, out=tmp_path, name="default", trained_at=later, say=steps.append, compare=False)
    assert (again, kept) == (ref, card)
    assert not [step for step in steps if "another card" in step], "it has the same figures"
    other = card.model_copy(update={"metrics": {}})
    onnx, _ = Registry(tmp_path).load("default", ref.version)
    Registry(tmp_path / "other").publish("default", onnx, other)
    train(small, out=tmp_path / "other", name="default", trained_at=later, say=steps.append, compare=False)
    assert [step for step in steps if "another card" in step]


@pytest.mark.slow
def test_the_comparison_is_in_the_card_and_drawn(small: TrainingSettings, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        # The small network says that its batches are larger than so few stars.
        warnings.filterwarnings("ignore", "Got `batch_size`", UserWarning)
        _, card = run(small, tmp_path / "models", docs=tmp_path / "docs", compare=True)
    comparison = comparison_of(card)
    assert comparison is not None
    assert card.extra["comparison"]["verdict"] == comparison.verdict
    page = (tmp_path / "docs/model-card.md").read_text("utf-8")
    assert comparison.verdict in page
    assert all(f"| {standing.name}" in page for standing in comparison.standings)
    assert (tmp_path / "docs/figures/candidates.png").stat().st_size > 10_000


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
