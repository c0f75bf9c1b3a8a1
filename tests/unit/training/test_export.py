"""The graph says what the model says, or it is not published."""

from typing import Any

import numpy as np
import onnx
import pytest
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.encoding import ENCODING_VERSION
from astroscale_training.export import export
from astroscale_training.fit import fit_model
from astroscale_training.parity import probe_rows, require_parity
from astroscale_training.runtime import run
from astroscale_training.settings import Normalization, TrainingSettings
from onnx import ModelProto

TOLERANCE_KMS = 1e-3


def test_graph_is_the_model_on_twenty_thousand_rows(fitted: Any) -> None:
    probe = probe_rows(fitted.data.stars, 20_000, seed=1)
    assert np.isnan(probe).any()
    parity = require_parity(fitted.model, fitted.onnx, probe, TOLERANCE_KMS)
    assert parity.passed
    assert parity.rows == 20_000 + len(fitted.data)
    assert parity.max_error_kms < TOLERANCE_KMS


@pytest.mark.parametrize("kind", ["robust", "none"])
def test_every_normalization_is_the_first_node(fitted: Any, small: TrainingSettings, kind: Normalization) -> None:
    settings = small.model_copy(update={"normalization": kind})
    model, _ = fit_model(fitted.rows, fitted.data.velocity, fitted.data.survey, fitted.fold, settings)
    graph = export(model, kind)
    require_parity(model, graph, fitted.rows.features, TOLERANCE_KMS)
    assert onnx.load_from_string(graph).graph.node[0].op_type == "Scaler"


def test_same_model_same_bytes(fitted: Any) -> None:
    assert export(fitted.model, "standard") == fitted.onnx


def test_graph_names_its_encoding(fitted: Any) -> None:
    proto = onnx.load_from_string(fitted.onnx)
    props = {p.key: p.value for p in proto.metadata_props}
    assert props["encoding_version"] == str(ENCODING_VERSION)
    assert [o.name for o in proto.graph.output] == ["radial_velocity_kms", "quantiles_kms", "novelty"]


def test_one_row_alone_is_the_row_in_a_batch(fitted: Any) -> None:
    batch = run(fitted.onnx, fitted.rows.features[:50])
    for row in range(50):
        alone = run(fitted.onnx, fitted.rows.features[row : row + 1])
        # Sums of a matrix product may be taken in another order in float64; far below a metre a second.
        for one, many in zip(alone, batch, strict=True):
            assert np.allclose(one[0], many[row], rtol=1e-5, atol=1e-5)


def node(proto: ModelProto, output: str) -> Any:
    return next(n for n in proto.graph.node if output in n.output)


def attribute(proto: ModelProto, output: str, name: str) -> Any:
    return next(a for a in node(proto, output).attribute if a.name == name)


def shift_a_leaf(proto: ModelProto) -> None:
    weights = attribute(proto, "log_scale", "target_weights").floats
    weights[len(weights) // 2] += 0.5


def make_scale_infinite(proto: ModelProto) -> None:
    attribute(proto, "log_scale", "base_values").floats[0] = 2_000.0


@pytest.mark.parametrize("damage", [shift_a_leaf, make_scale_infinite])
def test_a_broken_scale_does_not_pass_the_gate(fitted: Any, damage: Any) -> None:
    proto = onnx.load_from_string(fitted.onnx)
    damage(proto)
    with pytest.raises(AstroScaleError) as error:
        require_parity(fitted.model, proto.SerializeToString(), fitted.rows.features, TOLERANCE_KMS)
    assert error.value.code == "parity_failed"
