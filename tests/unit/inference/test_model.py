"""A graph is served when it keeps the contract, and refused with a code when it does not."""

from typing import Any

import numpy as np
import pytest
from astroscale_inference.domain.model import MAX_ROWS_A_RUN, Model, Scores, check_providers, fit, load
from astroscale_shared.registry import ModelCard, Parity, version_of
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.encoding import FEATURE_NAMES, encode
from onnx import TensorProto

from tests.support.graphs import card, graph
from tests.support.stars import random_stars


def loaded(onnx: bytes, its_card: ModelCard | None = None) -> Model:
    return load(onnx, its_card or card(), name="default", version=version_of(onnx), sha256="0" * 64)


def refused(onnx: bytes, its_card: ModelCard | None = None) -> str:
    with pytest.raises(AstroScaleError) as error:
        loaded(onnx, its_card)
    assert "default" in error.value.message
    return error.value.code


def test_a_good_graph_scores_rows_with_and_without_missing_inputs() -> None:
    features = encode(random_stars(50)).features
    scores = loaded(graph(bias=3.0, weights=(100.0,))).score(features)
    assert scores.value.shape == (50,)
    assert scores.quantiles.shape == (50, 5)
    np.testing.assert_allclose(scores.value, 3.0 + 100.0 * features[:, 0], rtol=1e-5)
    np.testing.assert_allclose(scores.quantiles[:, 2], scores.value)


def test_a_row_scores_the_same_alone_and_in_a_batch_larger_than_a_run() -> None:
    model = loaded(graph(weights=tuple(float(i) for i in range(1, 20))))
    features = np.random.default_rng(1).normal(size=(MAX_ROWS_A_RUN + 10, len(FEATURE_NAMES))).astype(np.float32)
    whole = model.score(features)
    assert len(whole.value) == len(features)
    np.testing.assert_allclose(model.score(features[-1:]).value, whole.value[-1:], rtol=1e-5)


def test_no_rows_score_to_none() -> None:
    scores = loaded(graph()).score(np.zeros((0, len(FEATURE_NAMES)), dtype=np.float32))
    assert (scores.value.shape, scores.quantiles.shape) == ((0,), (0, 5))


def test_novelty_is_given_where_the_model_says_it_and_above_one_is_an_extrapolation() -> None:
    features = np.zeros((4, len(FEATURE_NAMES)), dtype=np.float32)
    features[:, 0] = [0.5, 1.0, 1.001, np.nan]
    scores = loaded(graph(novelty=(1.0,))).score(features)
    assert scores.novelty is not None
    assert scores.novelty.shape == (4,)
    assert scores.extrapolated.tolist() == [False, False, True, False]
    silent = loaded(graph()).score(features)
    assert silent.novelty is None
    assert not silent.extrapolated.any()


def test_an_execution_provider_that_the_build_lacks_is_said_with_those_it_has() -> None:
    check_providers(["CPUExecutionProvider"])
    for wanted in (["TensorrtExecutionProvider", "CPUExecutionProvider"], ["cuda"], []):
        with pytest.raises(AstroScaleError, match=r"has .*CPUExecutionProvider") as error:
            check_providers(wanted)
        assert error.value.code == "bad_config"
        assert not wanted or wanted[0] in error.value.message
    assert loaded(graph()).provider == "CPUExecutionProvider"


@pytest.mark.parametrize(
    "parity",
    [
        Parity(rows=1, max_error_kms=0.0, tolerance_kms=1.0, passed=False),
        Parity(rows=1, max_error_kms=2.0, tolerance_kms=1.0, passed=True),
    ],
)
def test_a_model_that_failed_its_parity_gate_is_refused(parity: Parity) -> None:
    assert refused(graph(), card(parity=parity)) == "model_parity_failed"


def test_a_model_of_another_encoding_is_refused() -> None:
    assert refused(graph(), card(encoding_version=2)) == "model_encoding_mismatch"


@pytest.mark.parametrize("onnx", [b"", b"no graph", b"\xff" * 1_000, graph()[: len(graph()) // 2], graph()[:-1]])
def test_bytes_that_are_no_graph_are_refused(onnx: bytes) -> None:
    assert refused(onnx) == "model_unreadable"


@pytest.mark.parametrize(
    "broken",
    [
        {"input_name": "x"},
        {"value_name": "velocity"},
        {"quantiles_name": "quantiles"},
        {"features": 7},
        {"input_type": TensorProto.DOUBLE},
        {"offsets": (-20.0, 0.0, 20.0)},
        {"offsets": (20.0, 10.0, 0.0, -10.0, -20.0)},
        {"offsets": (-20.0, 0.0, -10.0, 10.0, 20.0)},
        {"offsets": (1.0, 2.0, 3.0, 4.0, 5.0)},
        {"offsets": (-20.0, -10.0, 0.0, 10.0, float("inf"))},
        {"bias": float("nan")},
        {"bias": float("inf")},
        {"impute": False},
        {"novelty": (float("nan"),)},
        {"novelty": (float("inf"),)},
    ],
    ids=str,
)
def test_a_graph_that_breaks_the_contract_is_refused(broken: dict[str, Any]) -> None:
    """Names, shapes, types, order of quantiles, the value among them, finite also where inputs are missing."""
    assert refused(graph(**broken)) == "model_wrong_contract"


def test_a_score_is_fit_when_finite_ascending_and_around_its_value() -> None:
    good = [-2.0, -1.0, 0.0, 1.0, 2.0]
    rows = [
        (0.0, good),
        (-2.0, good),
        (2.5, good),
        (np.nan, good),
        (0.0, [-2.0, -1.0, np.nan, 1.0, 2.0]),
        (0.0, [-2.0, -1.0, 0.0, 1.0, np.inf]),
        (0.0, [-2.0, 0.5, 0.0, 1.0, 2.0]),
        (0.0, [0.0] * 5),
    ]
    value, quantiles = (np.array([row[i] for row in rows], dtype=np.float32) for i in (0, 1))
    assert fit(Scores(value, quantiles))[0].tolist() == [True, True, False, False, False, False, False, True]
