"""The model as one ONNX graph: skl2onnx writes the trees, the rest is put together around them."""

import json
import warnings
from typing import Any, Final, cast

import numpy as np
import onnx
from astroscale_shared.registry.card import QUANTILES
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.encoding import ENCODING_VERSION, FEATURE_NAMES
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType

from astroscale_training.boosting import Trees
from astroscale_training.features import MASKABLE
from astroscale_training.model import Model

OPSET: Final = 18
ML_OPSET: Final = 3
IR_VERSION: Final = 8
MODEL_TYPE: Final = "boosted-baseline"

_ML: Final = "ai.onnx.ml"


def export(model: Model, normalization: str) -> bytes:
    """The graph: `features` float32 [N, F] to `radial_velocity_kms` [N, 1] and `quantiles_kms` [N, 5], km/s.

    The first node standardises; the pattern of missing inputs chooses a row of factors inside the graph.
    """
    width = len(FEATURE_NAMES)
    nodes = [
        helper.make_node(
            "Scaler",
            ["features"],
            ["scaled"],
            domain=_ML,
            offset=model.scaler.offset.tolist(),
            scale=model.scaler.factor.tolist(),
        ),
        _tree_node(model.value, width, "radial_velocity_kms"),
        _tree_node(model.scale, width, "log_scale"),
        helper.make_node("Exp", ["log_scale"], ["scale_kms"]),
        helper.make_node("Gather", ["features", "maskable"], ["maskable_features"], axis=1),
        helper.make_node("IsNaN", ["maskable_features"], ["missing"]),
        helper.make_node("Cast", ["missing"], ["missing_bits"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["missing_bits", "bit_values"], ["pattern_float"]),
        helper.make_node("Cast", ["pattern_float"], ["pattern"], to=TensorProto.INT64),
        helper.make_node("Gather", ["factors", "pattern"], ["row_factors"], axis=0),
        helper.make_node("Mul", ["scale_kms", "row_factors"], ["half_widths_kms"]),
        helper.make_node("Add", ["radial_velocity_kms", "half_widths_kms"], ["quantiles_kms"]),
    ]
    columns = np.array([FEATURE_NAMES.index(name) for name in MASKABLE], dtype=np.int64)
    # A vector, not a column: the pattern is then [N] and the gathered factors are [N, 5].
    bits = (1 << np.arange(len(MASKABLE))).astype(np.float32)
    graph = helper.make_graph(
        nodes,
        "astroscale",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", width])],
        [
            helper.make_tensor_value_info("radial_velocity_kms", TensorProto.FLOAT, ["N", 1]),
            helper.make_tensor_value_info("quantiles_kms", TensorProto.FLOAT, ["N", len(QUANTILES)]),
        ],
        initializer=[
            numpy_helper.from_array(columns, "maskable"),
            numpy_helper.from_array(bits, "bit_values"),
            numpy_helper.from_array(model.factors.astype(np.float32), "factors"),
        ],
    )
    proto = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(_ML, ML_OPSET)],
        ir_version=IR_VERSION,
        producer_name="astroscale_training",
    )
    helper.set_model_props(
        proto,
        {
            "encoding_version": str(ENCODING_VERSION),
            "feature_names": json.dumps(FEATURE_NAMES),
            "quantiles": json.dumps(QUANTILES),
            "model_type": MODEL_TYPE,
            "normalization": normalization,
        },
    )
    onnx.checker.check_model(proto, full_check=True)
    return proto.SerializeToString()


def _tree_node(trees: Trees, width: int, output: str) -> NodeProto:
    """The one node that skl2onnx makes of an ensemble, between `scaled` and `output`."""
    with warnings.catch_warnings():
        # skl2onnx gives protobuf False for 0 where a node is a leaf, which protobuf will refuse one day.
        warnings.filterwarnings("ignore", "Field onnx", DeprecationWarning)
        converted = cast(
            "ModelProto",
            convert_sklearn(
                cast("Any", trees),
                initial_types=[("features", FloatTensorType([None, width]))],
                target_opset={"": OPSET, _ML: ML_OPSET},
            ),
        )
    nodes = list(converted.graph.node)
    if [n.op_type for n in nodes] != ["TreeEnsembleRegressor"]:
        raise AstroScaleError("export_failed", f"the trees became {[n.op_type for n in nodes]}, not one ensemble")
    node = nodes[0]
    del node.input[:], node.output[:]
    node.input.append("scaled")
    node.output.append(output)
    node.name = output
    # Sorted, so that the same trees are the same bytes.
    attributes: list[AttributeProto] = sorted(node.attribute, key=lambda a: a.name)
    del node.attribute[:]
    node.attribute.extend(attributes)
    return node
