"""The baseline: a ratio that is a tenth worse fails by its name, whichever way is better."""

import json
from pathlib import Path

import pytest

from tests.bench.compare import main
from tests.bench.report import Row


def written(folder: Path, **ratios: tuple[float, str]) -> Path:
    rows = [Row(name, unit, [ratio], "reference", [1.0]).as_json() for name, (ratio, unit) in ratios.items()]
    folder.mkdir(exist_ok=True)
    (folder / "stream.json").write_text(json.dumps({"rows": rows}))
    return folder


def against(tmp_path: Path, **ratios: tuple[float, str]) -> int:
    baseline = tmp_path / "baseline.json"
    before = written(tmp_path / "before", rate=(2.0, "stars/s"), latency=(2.0, "ms"))
    assert main(["--write"], baseline=baseline, folder=before) == 0
    return main([], baseline=baseline, folder=written(tmp_path / "now", **ratios))


def test_as_good_within_a_tenth_passes(tmp_path: Path) -> None:
    assert against(tmp_path, rate=(1.85, "stars/s"), latency=(2.15, "ms"), another=(0.1, "ms")) == 0


@pytest.mark.parametrize(("rate", "latency", "named"), [(1.75, 2.0, "rate"), (2.0, 2.3, "latency")])
def test_a_worse_ratio_fails_and_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rate: float, latency: float, named: str
) -> None:
    assert against(tmp_path, rate=(rate, "stars/s"), latency=(latency, "ms")) == 1
    assert f"worse: stream: {named}\n" in capsys.readouterr().out


def test_a_row_that_is_gone_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert against(tmp_path, rate=(2.0, "stars/s")) == 1
    assert "worse: stream: latency\n" in capsys.readouterr().out


def test_nothing_to_compare_is_no_success(tmp_path: Path) -> None:
    assert main([], baseline=tmp_path / "none.json", folder=tmp_path) == 2


@pytest.mark.parametrize(("value", "met"), [(100.0, True), (99.0, False), (300.0, False)])
def test_a_row_may_have_an_aim_of_its_value_and_one_of_its_ratio(value: float, met: bool) -> None:
    row = Row("r", "stars/s", [value], "beside", [150.0], value_at_least=100, at_most=1.5).as_json()
    assert (row["aim"], row["met"]) == (">= 100 stars/s and <= 1.5", met)
