"""Two cards side by side: what both say, what one says, and whether their figures may be compared."""

import json
from pathlib import Path

import pytest
from astroscale_client import cli, comparison
from astroscale_client.comparison import Side
from astroscale_shared.registry import Calibration, DataFile, Metric, ModelRef, Registry

from tests.support.graphs import card


def group(pattern: str, coverage: float, level: float = 0.9) -> Calibration:
    return Calibration(pattern=pattern, rows=100, level=level, coverage=coverage, mean_width_kms=100.0)


OLD = card(
    metrics={"r2": Metric(value=0.5, spread=0.01), "rmse_kms": Metric(value=60.0, unit="km/s"), "old": Metric(value=1)},
    calibration=(group("all", 0.88), group("no parallax", 0.7)),
    counts_per_survey={"GALAH": 10, "RAVE": 5},
    data=(DataFile(file="a.csv", sha256="1" * 64, rows=10), DataFile(file="b.csv", sha256="2" * 64, rows=5)),
)
NEW = card(
    metrics={"r2": Metric(value=0.6, spread=0.02), "rmse_kms": Metric(value=55_000.0, unit="m/s")},
    calibration=(group("all", 0.9), group("all", 0.5, level=0.5)),
    counts_per_survey={"GALAH": 12},
    data=(DataFile(file="a.csv", sha256="1" * 64, rows=10), DataFile(file="b.csv", sha256="3" * 64, rows=5)),
    known_failures=("blue stars",),
)


def test_metrics_differ_where_both_have_them_in_the_same_unit() -> None:
    rows = {row.name: row for row in comparison.compare(Side(OLD, 1), Side(NEW, 2)).metrics}
    assert list(rows) == ["r2", "rmse_kms", "old"]
    assert rows["r2"].difference == pytest.approx(0.1)
    assert rows["rmse_kms"].difference is None
    assert (rows["old"].b, rows["old"].difference) == (None, None)


def test_calibration_is_matched_by_group_and_level() -> None:
    rows = comparison.compare(Side(OLD, 1), Side(NEW, 2)).calibration
    assert [(r.pattern, r.level, r.a and r.a.coverage, r.b and r.b.coverage) for r in rows] == [
        ("all", 0.9, 0.88, 0.9),
        ("no parallax", 0.9, 0.7, None),
        ("all", 0.5, None, 0.5),
    ]


def test_data_is_the_same_only_byte_for_byte() -> None:
    compared = comparison.compare(Side(OLD, 1), Side(NEW, 2))
    assert [row.same for row in compared.data] == [True, False]
    assert compared.same_data is False
    assert compared.counts == {"GALAH": (10, 12), "RAVE": (5, 0)}
    assert comparison.compare(Side(OLD, 1), Side(OLD, 1)).same_data is True
    assert comparison.compare(Side(OLD, 1), Side(card(), 1)).same_data is None


def run(*arguments: str) -> int:
    """The exit code of a command line."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    return int(ended.value.code or 0)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ModelRef, ModelRef]:
    monkeypatch.setenv("ASTROSCALE_REGISTRY__ROOT", str(tmp_path / "registry"))
    monkeypatch.setenv("ASTROSCALE_CONFIG", str(tmp_path / "none.toml"))
    registry = Registry(tmp_path / "registry")
    return registry.publish("m", b"old", OLD), registry.publish("m", b"newer", NEW)


def test_the_command_says_it_as_json(published: tuple[ModelRef, ModelRef], capsys: pytest.CaptureFixture[str]) -> None:
    old, new = published
    assert run("model", "compare", f"m@{old.version}", f"m/{new.version[:6]}", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["a"]["version"], said["a"]["onnx_bytes"]) == (old.version, 3)
    assert (said["b"]["version"], said["b"]["onnx_bytes"]) == (new.version, 5)
    assert said["metrics"]["r2"]["difference"] == pytest.approx(0.1)
    assert said["metrics"]["r2"]["a"]["spread"] == 0.01
    assert said["data"][1] == {"file": "b.csv", "a_sha256": "2" * 64, "b_sha256": "3" * 64, "same": False}
    assert (said["same_data"], said["same_encoding"]) == (False, True)
    assert said["b"]["known_failures"] == ["blue stars"]


def test_the_command_says_it_as_tables(
    published: tuple[ModelRef, ModelRef], capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = published
    assert run("model", "compare", f"m@{old.version}", f"m@{new.version}") == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "r2 0.5 ± 0.01 0.6 ± 0.02 +0.1" in lines
    assert "all 90% 88.0% 90.0% 100.0 km/s 100.0 km/s" in lines
    assert "b.csv different" in lines
    assert any("different data" in line for line in lines)


def test_a_model_that_is_not_there_or_damaged_is_1(
    published: tuple[ModelRef, ModelRef], capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = published
    assert run("model", "compare", f"m@{old.version}", "m@ffff") == 1
    assert "has no version ffff" in capsys.readouterr().err
    (new.path / "model.onnx").write_bytes(b"other")
    assert run("model", "compare", f"m@{old.version}", f"m@{new.version}") == 1
    assert "model.onnx is not what SHA256SUMS says" in capsys.readouterr().err
