"""Figures are drawn, small and the same again; an unusual card does not stop them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astroscale_shared.registry import ModelCard
from astroscale_training.figures import FIGURES, draw_all, residuals, running
from astroscale_training.figures_of_card import coverage_by_group
from PIL import Image

from tests.unit.training.samples import training_stars


def test_all_figures_are_drawn_and_equal_again(fitted: Any, judged: Any, card: ModelCard, tmp_path: Path) -> None:
    drawn = draw_all(tmp_path / "a", fitted.data, fitted.held, judged.sky, card)
    assert drawn.keys() == FIGURES.keys() - {"candidates"}, "no comparison was made"
    draw_all(tmp_path / "b", fitted.data, fitted.held, judged.sky, card)
    for name in drawn:
        file = tmp_path / "a" / f"{name}.png"
        assert file.read_bytes() == (tmp_path / "b" / f"{name}.png").read_bytes()
        assert file.stat().st_size < 150_000
        picture = np.asarray(Image.open(file).convert("L"))
        assert picture.shape[1] >= 600
        assert 0.01 < np.mean(picture < 200) < 0.9, "something is drawn"


def test_percentiles_run_along_with_the_value() -> None:
    x = np.repeat([10.0, 110.0, 210.0], [100, 100, 10])
    y = x + np.tile(np.linspace(-5.0, 5.0, 10), 21)
    middle, found = running(x, y, (50.0,))
    assert middle.tolist() == [10.0, 110.0], "ten stars say nothing"
    assert found[:, 0] == pytest.approx(middle)
    assert [part.shape for part in running(x[:20], y[:20], (16.0, 50.0))] == [(0,), (0, 2)]


def test_a_group_far_below_the_promise_is_seen(card: ModelCard, tmp_path: Path) -> None:
    first, *rest = [row for row in card.calibration if row.level == 0.9]
    for name, share in (("a", 0.5), ("b", 0.6)):
        low = first.model_copy(update={"coverage": share})
        coverage_by_group(tmp_path / f"{name}.png", card.model_copy(update={"calibration": (low, *rest)}))
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def test_no_table_is_left_out_of_the_residuals(tmp_path: Path) -> None:
    data = training_stars(1_600)
    value = np.zeros(len(data))
    quantiles = value[:, None] + np.linspace(-50.0, 50.0, 5)
    for name in ("h", "i"):
        tables = np.array([*"abcdefg", name], dtype=np.object_)[np.arange(len(data)) % 8]
        residuals(tmp_path / f"{name}.png", replace(data, table=tables), value, quantiles)
    assert (tmp_path / "h.png").read_bytes() != (tmp_path / "i.png").read_bytes(), "the legend names the eighth"
