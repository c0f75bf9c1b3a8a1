"""The shipped model keeps the contract: files, hashes, card, graph, speed of light aside."""

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from astroscale_shared.registry import ModelCard, ModelRef, Registry
from astroscale_shared.registry.schema import document
from astroscale_shared.stars.columns import INPUTS
from astroscale_shared.stars.encoding import ENCODING_VERSION, FEATURE_NAMES, encode
from astroscale_shared.stars.observations import from_columns
from astroscale_training.figures import FIGURES
from astroscale_training.markdown import render
from astroscale_training.runtime import run

MODELS = Path(__file__).parents[2] / "models"
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def shipped() -> tuple[ModelRef, bytes, ModelCard]:
    (ref,) = Registry(MODELS).list()
    return ref, *Registry(MODELS).load(ref.name, ref.version)


def test_one_default_model_is_shipped_and_verified(shipped: tuple[ModelRef, bytes, ModelCard]) -> None:
    ref, graph, card = shipped
    assert ref.name == card.name == "default"
    assert ref.version == card.version == ref.sha256[:12]
    assert card.onnx_sha256 == ref.sha256
    assert len(graph) < 5_000_000
    assert sorted(p.name for p in ref.path.iterdir()) == ["SHA256SUMS", "card.json", "model.onnx"]


def test_card_says_what_a_user_must_know(shipped: tuple[ModelRef, bytes, ModelCard]) -> None:
    _, _, card = shipped
    assert card.encoding_version == ENCODING_VERSION
    assert card.feature_names == FEATURE_NAMES
    assert card.quantiles == (0.05, 0.16, 0.5, 0.84, 0.95)
    assert card.parity.passed
    assert card.parity.rows >= 20_000
    assert card.parity.max_error_kms <= card.parity.tolerance_kms <= 1e-3
    assert {"r2", "r2_sky_block", "r2_within_surveys", "r2_of_survey_means"} <= card.metrics.keys()
    assert card.metrics["r2"].spread is not None
    assert {c.name for c in card.cuts} >= {"duplicate", "invalid", "impossible_velocity"}
    assert sum(card.counts_per_survey.values()) == sum(f.rows for f in card.data) - sum(c.rows for c in card.cuts)
    assert card.acknowledgements
    assert card.licence == "MIT"
    everyone = next(row for row in card.calibration if row.pattern == "as observed: all")
    assert 0.88 < everyone.coverage < 0.93


def test_schema_is_the_one_committed() -> None:
    assert (DOCS / "model-card.schema.json").read_text("utf-8") == document(), (
        "run: uv run python -m astroscale_shared.registry.schema docs/model-card.schema.json"
    )


def test_a_card_of_the_first_days_is_still_read(shipped: tuple[ModelRef, bytes, ModelCard]) -> None:
    needed = {"model_type", "encoding_version", "feature_names", "trained_at", "parity"}
    assert set(json.loads(document())["required"]) == needed, "whatever is new must have a default"
    old = json.loads(shipped[2].to_bytes())
    assert ModelCard.from_bytes(json.dumps({name: old[name] for name in needed}).encode()).features == ()


def test_card_says_what_monitoring_and_people_need(shipped: tuple[ModelRef, bytes, ModelCard]) -> None:
    _, _, card = shipped
    inputs = [column.name for column in INPUTS]
    assert [feature.name for feature in card.features] == inputs
    assert all(feature.low < feature.high and feature.description for feature in card.features)
    assert list(card.reference) == inputs
    assert all(len(histogram.edges) == 9 for histogram in card.reference.values())
    assert len(card.known_failures) >= 8
    assert {row.level for row in card.calibration} == {0.9, 0.68}
    views = {row.pattern.partition(": ")[0] for row in card.calibration}
    assert views >= {"as observed", "unseen sky", "table", "survey", "[Fe/H]", "parallax", "inputs taken away"}
    assert {"comparison", "learning_curve", "feature_effect", "zero_points", "settings"} <= card.extra.keys()
    assert card.extra["comparison"]["agrees"], card.extra["comparison"]["verdict"]


def test_page_and_figures_are_of_the_shipped_card(shipped: tuple[ModelRef, bytes, ModelCard]) -> None:
    assert (DOCS / "model-card.md").read_text("utf-8") == render(shipped[2], FIGURES), "run: make train"
    for name in FIGURES:
        assert 5_000 < (DOCS / "figures" / f"{name}.png").stat().st_size < 150_000


def test_card_carries_no_path(shipped: tuple[ModelRef, bytes, ModelCard]) -> None:
    text = (shipped[0].path / "card.json").read_text("utf-8")
    assert not re.search(r'"(?:file|data)": "[^"]*[/\\]', text)
    assert not re.search(r"/(?:home|work|tmp|root|Users)/", text)


def test_graph_keeps_the_contract(shipped: tuple[ModelRef, bytes, ModelCard]) -> None:
    proto = onnx.load_from_string(shipped[1])
    onnx.checker.check_model(proto, full_check=True)
    props = {p.key: p.value for p in proto.metadata_props}
    assert props["encoding_version"] == str(ENCODING_VERSION)
    assert json.loads(props["feature_names"]) == list(FEATURE_NAMES)
    assert [i.name for i in proto.graph.input] == ["features"]
    outputs = [o.name for o in proto.graph.output]
    assert outputs == ["radial_velocity_kms", "quantiles_kms", "novelty"]


def test_any_pattern_of_missing_inputs_gets_an_answer(shipped: tuple[ModelRef, bytes, ModelCard]) -> None:
    sun_like = {"teff": 5_800.0, "logg": 4.3, "fe_h": 0.0, "snr": 100.0, "parallax": 7.2, "pmra": -10.0, "pmdec": 5.0}
    columns = {
        name: np.array([np.nan if code >> bit & 1 else value for code in range(128)])
        for bit, (name, value) in enumerate(sun_like.items())
    }
    columns |= {"ra": np.full(128, 200.12), "dec": np.full(128, -47.33)}
    value, quantiles, _ = run(shipped[1], encode(from_columns(columns)).features)
    assert value.shape == (128, 1)
    assert quantiles.shape == (128, 5)
    assert np.isfinite(value).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert ((quantiles[:, :1] <= value) & (value <= quantiles[:, -1:])).all()
    width = quantiles[:, -1] - quantiles[:, 0]
    assert width[0b11111] > width[0], "with the position alone the interval is wider"
