"""The graph says what the model says, or it is not published."""

from typing import Any

import numpy as np
import onnx
import pytest
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.encoding import ENCODING_VERSION
from astroscale_training.calibrate import SHAPE
from astroscale_training.export import export
from astroscale_training.fit import fit_model
from astroscale_training.kinematics import PARAMETERS
from astroscale_training.parity import probe_rows, require_parity
from astroscale_training.runtime import run
from astroscale_training.settings import Normalization, TrainingSettings
from onnx import ModelProto, numpy_helper

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


def change(proto: ModelProto, shape: tuple[int, ...], by: Any) -> None:
    """Put `by` of the one constant of this shape in its place."""
    (found,) = [i for i in proto.graph.initializer if tuple(i.dims) == shape]
    found.CopyFrom(numpy_helper.from_array(by(numpy_helper.to_array(found).copy()), found.name))


def shift_a_coefficient(proto: ModelProto) -> None:
    def shifted(values: Any) -> Any:
        values[3, 0] += 0.5
        return values

    change(proto, (64, 9), shifted)


def shift_a_leaf(proto: ModelProto) -> None:
    weights = attribute(proto, "log_scale", "target_weights").floats
    weights[len(weights) // 2] += 0.5


def turn_missing_values(proto: ModelProto) -> None:
    tracks = attribute(proto, "log_scale", "nodes_missing_value_tracks_true").ints
    tracks[:] = [1 - t for t in tracks]


def forget_standardisation(proto: ModelProto) -> None:
    attribute(proto, "scaled", "offset").floats[0] += 1.0


def swap_two_quantiles(proto: ModelProto) -> None:
    change(proto, (int(np.prod(SHAPE)), 5), lambda factors: factors[:, [1, 0, 2, 3, 4]].copy())


def make_scale_infinite(proto: ModelProto) -> None:
    attribute(proto, "log_scale", "base_values").floats[0] = 2_000.0


def call_every_star_familiar(proto: ModelProto) -> None:
    change(proto, (len(PARAMETERS), 7), lambda scale: scale * 0.5)


@pytest.mark.parametrize(
    "damage",
    [
        shift_a_coefficient,
        shift_a_leaf,
        turn_missing_values,
        forget_standardisation,
        swap_two_quantiles,
        make_scale_infinite,
        call_every_star_familiar,
    ],
)
def test_a_broken_graph_does_not_pass_the_gate(fitted: Any, damage: Any) -> None:
    proto = onnx.load_from_string(fitted.onnx)
    damage(proto)
    with pytest.raises(AstroScaleError) as error:
        require_parity(fitted.model, proto.SerializeToString(), fitted.rows.features, TOLERANCE_KMS)
    assert error.value.code == "parity_failed"
