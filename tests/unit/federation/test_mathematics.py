"""Moments, histograms, and the graph against the model in numpy."""

from typing import Any

import numpy as np
import onnxruntime
import pytest
from astroscale_federation.domain import design, graph, linear, residuals
from astroscale_federation.domain.model import Model
from astroscale_federation.domain.moments import moments_of, pool, standardise
from astroscale_shared.registry.card import QUANTILES
from astroscale_shared.stars.encoding import FEATURE_NAMES, encode

from tests.unit.federation.builders import stars


def test_inputs_have_a_fill_an_indicator_and_the_products() -> None:
    features = np.array([[0.5] * len(FEATURE_NAMES)], dtype=np.float32)
    features[0, FEATURE_NAMES.index("fe_h")] = np.nan
    found = dict(zip(design.INPUT_NAMES, design.inputs_of(features)[0], strict=True))
    assert (found["fe_h"], found["missing_fe_h"], found["missing_teff"]) == (0.0, 1.0, 0.0)
    assert (found["fe_h*nx"], found["log_distance*nx"]) == (0.0, 0.25)


def test_pooled_moments_are_those_of_all_rows() -> None:
    random = np.random.default_rng(1)
    one, two = random.normal(3, 2, (50, 4)), random.normal(-1, 1, (80, 4))
    one[:, 3] = two[:, 3] = 7.0
    scaling = pool({"b": moments_of(two), "a": moments_of(one)})
    both = np.vstack([one, two])
    np.testing.assert_allclose(scaling.mean, both.mean(axis=0))
    np.testing.assert_allclose(scaling.scale[:3], both.std(axis=0)[:3])
    assert scaling.scale[3] == 1.0
    z = standardise(both, scaling)
    np.testing.assert_allclose(scaling.gram, z.T @ z / len(z), atol=1e-12)


def test_averaging_is_the_mean_by_rows_where_all_answered() -> None:
    schedule = linear.Schedule(1e-3, 1, 1.0)
    updates = {"a": linear.Local(1, np.array([1.0, 2.0])), "b": linear.Local(3, np.array([5.0, 2.0]))}
    found = linear.average(np.zeros(2), updates, 4, schedule)
    np.testing.assert_allclose(found, [4.0, 2.0])


def test_the_missing_archives_share_stays_where_it_was() -> None:
    schedule = linear.Schedule(1e-3, 1, 1.0)
    found = linear.average(np.zeros(1), {"a": linear.Local(1, np.array([4.0]))}, 4, schedule)
    np.testing.assert_allclose(found, [1.0])


def test_offsets_are_the_conformal_ranks_at_the_outer_edges() -> None:
    residual = np.arange(-49.5, 50.0)  # 100 residuals, one in each bin from -50 to 49
    found = residuals.offsets(residuals.count(residual))
    # floor(101 * .05) = 5th smallest is in [-46, -45), ceil(101 * .95) = 96th in [45, 46)
    np.testing.assert_allclose(found, [-46.0, -35.0, 0.5, 35.0, 46.0])


def test_what_is_beyond_the_bins_ends_at_the_limit() -> None:
    found = residuals.offsets(residuals.count(np.full(40, 2500.0)))
    assert found[0] == 0.0
    assert found[-1] == residuals.LIMIT_KMS


def test_intervals_of_histograms_hold_what_they_promise() -> None:
    random = np.random.default_rng(2)
    held = []
    for _ in range(200):
        found = residuals.offsets(residuals.count(random.normal(0, 30, 60)))
        held.append(residuals.coverage(residuals.count(random.normal(0, 30, 500)), found))
    assert np.mean(held) >= 0.9


def test_a_group_with_too_few_stars_takes_one_that_lacks_more() -> None:
    counts = np.zeros((4, residuals.BINS), dtype=np.int64)
    counts[3] = residuals.count(np.arange(-10.0, 10.0, 0.2))
    table = residuals.table(counts)
    np.testing.assert_array_equal(table[0], table[3])
    with pytest.raises(ValueError, match="0 stars"):
        residuals.table(np.zeros_like(counts))


def test_stars_fall_into_the_same_part_wherever_they_are_held() -> None:
    some = stars(20_000, 1)
    parts = design.parts_of(some.numeric["ra"], some.numeric["dec"])
    again = design.parts_of(some.numeric["ra"][::-1].copy(), some.numeric["dec"][::-1].copy())[::-1]
    np.testing.assert_array_equal(parts, again)
    np.testing.assert_allclose(np.bincount(parts) / 20_000, [0.7, 0.15, 0.15], atol=0.02)


@pytest.fixture(scope="module")
def model() -> Model:
    random = np.random.default_rng(5)
    some = stars(500, 3)
    scaling = pool({"a": moments_of(design.inputs_of(encode(some).features))})
    offsets = np.sort(random.normal(0, 50, (len(design.GROUPS), len(QUANTILES))), axis=1)
    return Model(scaling, random.normal(0, 30, design.WEIGHTS), offsets)


def test_the_graph_is_the_model(model: Model) -> None:
    parity = graph.parity(graph.build(model), model)
    assert parity.passed
    assert parity.rows >= 20_000


def test_the_graph_runs_in_onnx_runtime_with_the_contracts_names(model: Model) -> None:
    features = graph.simulated_features(20_000, 7)
    session = onnxruntime.InferenceSession(graph.build(model))
    outputs: Any = session.run(["radial_velocity_kms", "quantiles_kms"], {"features": features})
    velocity, quantiles = outputs
    assert velocity.dtype == quantiles.dtype == np.float32
    assert (velocity.shape, quantiles.shape) == ((20_000, 1), (20_000, 5))
    assert np.abs(velocity[:, 0] - model.velocity(features)).max() <= 1e-3
    assert np.abs(quantiles - model.quantiles(features)).max() <= 1e-3


def test_the_same_model_gives_the_same_bytes(model: Model) -> None:
    assert graph.build(model) == graph.build(model)


def test_a_graph_of_another_model_fails_the_gate(model: Model) -> None:
    other = Model(model.scaling, model.weights + 1e-3, model.offsets)
    assert not graph.parity(graph.build(other), model).passed
