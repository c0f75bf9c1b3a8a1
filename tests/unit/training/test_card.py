"""The card says what inference and people need, and the report and the page say what the card says."""

import io
import re
from typing import Any

import numpy as np
import pytest
from astroscale_inference.domain.drift import Reference
from astroscale_shared.registry import ModelCard
from astroscale_shared.stars.columns import INPUTS
from astroscale_shared.stars.encoding import FEATURE_NAMES
from astroscale_training.card import ranges, reference
from astroscale_training.markdown import render
from astroscale_training.report import print_card
from astroscale_training.summary import accuracy_rows, interval_rows
from rich.console import Console


def test_reference_is_what_inference_counts(fitted: Any, card: ModelCard) -> None:
    natural = fitted.rows.features[: len(fitted.data)]
    counted = Reference(card.reference).count(natural)
    assert list(card.reference) == [c.name for c in INPUTS]
    for name, counts in zip(card.reference, counted, strict=True):
        histogram = card.reference[name]
        assert counts[:-1] / counts[:-1].sum() == pytest.approx(histogram.shares)
        assert counts[-1] / len(natural) == pytest.approx(histogram.missing)
        assert histogram.shares == pytest.approx([0.1] * 10, abs=0.03), "edges are deciles"


def test_reference_of_an_input_that_no_star_has_is_empty(fitted: Any) -> None:
    features = fitted.rows.features[:100].copy()
    features[:, FEATURE_NAMES.index("snr")] = np.nan
    found = reference(features)["snr"]
    assert (found.edges, found.shares, found.missing) == ((), (0.0,), 1.0)
    assert Reference({"snr": found}).count(features)[0].tolist() == [0, 100]


def test_features_are_in_the_units_of_people(fitted: Any) -> None:
    by_name = {f.name: f for f in ranges(fitted.data)}
    teff = fitted.data.stars.numeric["teff"]
    assert by_name["teff"].unit == "K"
    teff = teff[~np.isnan(teff)]
    assert np.mean((teff >= by_name["teff"].low) & (teff <= by_name["teff"].high)) == pytest.approx(0.98, abs=0.01)


def test_card_survives_its_file_and_is_not_large(card: ModelCard) -> None:
    data = card.to_bytes()
    assert ModelCard.from_bytes(data) == card
    assert len(data) < 200_000
    assert card.training_command
    assert "workers" not in card.extra["settings"], "what does not change the model is not the model's"


def test_report_fits_a_terminal_and_prints_the_cards_figures(card: ModelCard) -> None:
    out = io.StringIO()
    print_card(card, Console(file=out, width=100))
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= 100
    for row in accuracy_rows(card):
        line = next(line for line in text.splitlines() if line.startswith(row.group[:14]))
        assert all(figure in line for figure in row.figures)
    assert f"{card.metrics['r2'].value:.3f} ± {card.metrics['r2'].spread:.3f}" in text
    for interval in interval_rows(card):
        assert re.search(rf"{interval.rows} +{interval.coverage[0]} +{interval.coverage[1]} +{interval.width}", text)


def test_report_has_no_figure_of_its_own(card: ModelCard) -> None:
    metrics = card.metrics | {"r2": card.metrics["r2"].model_copy(update={"value": 0.123456})}
    out = io.StringIO()
    print_card(card.model_copy(update={"metrics": metrics}), Console(file=out, width=100))
    line = next(line for line in out.getvalue().splitlines() if line.startswith("all "))
    assert line.split()[:4] == ["all", str(card.metrics["r2"].rows), "0.123", "±"]
    assert card.metrics["r2"].value > 0.124, "the fitted model's own figure is another"


def test_page_is_the_card_and_nothing_else(card: ModelCard) -> None:
    page = render(card, {"residuals": "Residuals."})
    assert page == render(ModelCard.from_bytes(card.to_bytes()), {"residuals": "Residuals."})
    assert "![Residuals.](figures/residuals.png)" in page
    for text in (*card.known_failures, card.data[0].file, card.data[0].sha256[:16], "ra was in radian"):
        assert text in page
    for row in accuracy_rows(card):
        assert f"| {row.group} | {row.stars:,} | " + " | ".join(row.figures) in page
    assert re.search(r"\d{4}-\d\d-\d\d", page).group() == "2025-01-02"  # pyright: ignore[reportOptionalMemberAccess]
    tables = [line for line in page.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)
