"""Figures are drawn, small and the same again; an unusual card does not stop them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astroscale_shared.registry import ModelCard
from astroscale_training.figures import FIGURES, draw_all, running
from PIL import Image


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
