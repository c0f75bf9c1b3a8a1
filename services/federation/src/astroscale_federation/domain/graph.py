"""The model as an ONNX graph, and the gate that compares the two. `onnx` is behind this module."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from astroscale_shared.registry.card import QUANTILES, Parity
from astroscale_shared.stars.encoding import FEATURE_NAMES
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from astroscale_federation.domain import design
from astroscale_federation.domain.model import CLIP_KMS, Model

OPSET: Final = 17
IR_VERSION: Final = 8
TOLERANCE_KMS: Final = 1e-3
PARITY_ROWS: Final = 20_000


@dataclass
class _Builder:
    """Nodes and constants in the order of their making, so that the same model gives the same bytes."""

    nodes: list[Any]
    constants: list[Any]

    def constant(self, name: str, values: NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def add(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output


def build(model: Model) -> bytes:
    """The graph: `features` float32 [N, F] -> `radial_velocity_kms` float32 [N, 1], `quantiles_kms` float32 [N, 5].

    It begins with the inputs' imputation, products and standardisation, and computes in float64.
    """
    made = _Builder([], [])
    value = _velocity(made, model)
    made.add("Cast", [value], "radial_velocity_kms", to=TensorProto.FLOAT)
    offsets = made.add("Gather", [made.constant("offsets", model.offsets), _group(made)], "offset", axis=0)
    made.add("Cast", [made.add("Add", [value, offsets], "quantiles64")], "quantiles_kms", to=TensorProto.FLOAT)
    graph = helper.make_graph(
        made.nodes,
        "astroscale_federated_linear",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", len(FEATURE_NAMES)])],
        [
            helper.make_tensor_value_info("radial_velocity_kms", TensorProto.FLOAT, ["N", 1]),
            helper.make_tensor_value_info("quantiles_kms", TensorProto.FLOAT, ["N", len(QUANTILES)]),
        ],
        initializer=made.constants,
    )
    proto: ModelProto = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="astroscale"
    )
    checker.check_model(proto, full_check=True)
    return proto.SerializeToString(deterministic=True)


def _velocity(made: _Builder, model: Model) -> str:
    missing = made.add("IsNaN", ["features"], "missing")
    wide = made.add("Cast", ["features"], "features64", to=TensorProto.DOUBLE)
    filled = made.add("Where", [missing, made.constant("fill", np.array(0.0)), wide], "filled")
    indicators = made.add("Cast", [missing], "indicators", to=TensorProto.DOUBLE)
    left = made.constant("left_columns", np.array([a for a, _ in design.PRODUCT_COLUMNS], dtype=np.int64))
    right = made.constant("right_columns", np.array([b for _, b in design.PRODUCT_COLUMNS], dtype=np.int64))
    products = made.add(
        "Mul",
        [
            made.add("Gather", [filled, left], "left", axis=1),
            made.add("Gather", [filled, right], "right", axis=1),
        ],
        "products",
    )
    inputs = made.add("Concat", [filled, indicators, products], "inputs", axis=1)
    centred = made.add("Sub", [inputs, made.constant("mean", model.scaling.mean)], "centred")
    standardised = made.add("Div", [centred, made.constant("scale", model.scaling.scale)], "standardised")
    weighted = made.add(
        "MatMul", [standardised, made.constant("weights", model.weights[:-1].reshape(-1, 1))], "weighted"
    )
    moved = made.add("Add", [weighted, made.constant("bias", model.weights[-1:])], "unclipped")
    low, high = made.constant("lowest", np.array(-CLIP_KMS)), made.constant("highest", np.array(CLIP_KMS))
    return made.add("Clip", [moved, low, high], "velocity64")


def _group(made: _Builder) -> str:
    """The calibration group, int64 [N]; uses `missing` of the velocity's part."""
    lacks: list[str] = []
    for column in (*design.PARAMETERS, design.PARALLAX):
        index = made.constant(f"column_{column}", np.array(column, dtype=np.int64))
        lacks.append(made.add("Gather", ["missing", index], f"lacks_{column}", axis=1))
    any_parameter = lacks[0]
    for number, lack in enumerate(lacks[1:-1]):
        any_parameter = made.add("Or", [any_parameter, lack], f"lacks_any_{number}")
    first = made.add("Cast", [any_parameter], "bit_0", to=TensorProto.INT64)
    second = made.add("Cast", [lacks[-1]], "bit_1", to=TensorProto.INT64)
    doubled = made.add("Mul", [second, made.constant("two", np.array(2, dtype=np.int64))], "bit_1_doubled")
    return made.add("Add", [first, doubled], "group")


def simulated_features(rows: int, seed: int) -> NDArray[np.float32]:
    """float32 [rows, F]: random encoded stars, a fifth of all values missing, some far outside the usual."""
    random = np.random.default_rng(seed)
    features = random.normal(0.0, 1.5, (rows, len(FEATURE_NAMES))).astype(np.float32)
    features[random.random(rows) < 0.02] *= 20.0  # noqa: PLR2004, RUF100
    features[random.random(features.shape) < 0.2] = np.nan  # noqa: PLR2004, RUF100
    return features


def parity(onnx: bytes, model: Model, rows: int = PARITY_ROWS, seed: int = 1) -> Parity:
    """How far the graph, run by onnx's reference, is from the model in numpy on random encoded stars."""
    features = simulated_features(rows, seed)
    outputs: list[Any] = ReferenceEvaluator(onnx).run(  # pyright: ignore[reportAssignmentType]
        ["radial_velocity_kms", "quantiles_kms"], {"features": features}
    )
    expected = np.column_stack([model.velocity(features), model.quantiles(features)])
    error = float(np.max(np.abs(np.column_stack(outputs) - expected)))
    return Parity(rows=rows, max_error_kms=error, tolerance_kms=TOLERANCE_KMS, passed=error <= TOLERANCE_KMS)
