"""The model as one ONNX graph: skl2onnx writes the trees, `graph` what is written against `ops`."""

import json
import warnings
from typing import Any, Final, cast

import numpy as np
import onnx
from astroscale_shared.registry.card import QUANTILES
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.encoding import ENCODING_VERSION, FEATURE_NAMES
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType

from astroscale_training.boosting import Trees
from astroscale_training.calibrate import FE_H_ENCODED, PARALLAX_ENCODED, SHAPE, by_pattern
from astroscale_training.features import MASKABLE
from astroscale_training.graph import Graph, GraphOps, Node, merge_twins
from astroscale_training.kinematics import kinematics
from astroscale_training.model import Model
from astroscale_training.runtime import NOVELTY, QUANTILES_KMS, VALUE

OPSET: Final = 18
ML_OPSET: Final = 3
IR_VERSION: Final = 8
MODEL_TYPE: Final = "kinematic-regression"

_ML: Final = "ai.onnx.ml"


def export(model: Model, normalization: str) -> bytes:
    """The graph: `features` float32 [N, F] to `radial_velocity_kms` [N, 1], `quantiles_kms` [N, 5] and `novelty` [N, 1].

    The first node standardises, for the trees of the scale. The kinematics are computed in float64, so that their
    quotients agree with Python's far below the tolerance.
    """
    width = len(FEATURE_NAMES)
    graph = Graph()
    ops = GraphOps(graph)
    features = Node(graph, "features")
    graph.nodes.append(
        helper.make_node(
            "Scaler",
            ["features"],
            ["scaled"],
            domain=_ML,
            offset=model.scaler.offset.tolist(),
            scale=model.scaler.factor.tolist(),
        )
    )
    graph.nodes.append(_tree_node(model.scale, width, "log_scale"))
    of = kinematics(ops, graph.cast(features, TensorProto.DOUBLE))
    value = ops.single(model.value.value(ops, of))
    scale = graph.node("Exp", Node(graph, "log_scale", single=True))[0]
    factors = graph.node("Gather", by_pattern(model.factors), _cell(graph, features), axis=0)[0]
    quantiles = value + scale * factors
    novelty = model.novelty.value(ops, of.parameters)
    for tensor, name in ((value, VALUE), (quantiles, QUANTILES_KMS), (novelty, NOVELTY)):
        graph.named(tensor, name)
    merge_twins(graph)
    outputs = ((VALUE, 1), (QUANTILES_KMS, len(QUANTILES)), (NOVELTY, 1))
    proto = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "astroscale",
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", width])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", columns]) for name, columns in outputs],
            initializer=graph.initializers,
        ),
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


def _cell(graph: Graph, features: Node) -> Node:
    """int64 [N]: the row of `calibrate.by_pattern`'s table, as `calibrate.cells` finds it.

    All comparisons are one, and their weighted sum another: single rows are paid by the node.
    """
    compared = [(name, np.array([-np.inf], dtype=np.float32), 1 << bit) for bit, name in enumerate(MASKABLE)]
    bins = SHAPE[1] * SHAPE[2]
    steps = [(name, edges, -bins * step) for name, edges, step in compared]  # present: the pattern loses its bit
    steps += [("fe_h", FE_H_ENCODED, SHAPE[2]), ("parallax", PARALLAX_ENCODED, 1)]
    columns = np.concatenate([np.full(len(edges), FEATURE_NAMES.index(name)) for name, edges, _ in steps])
    edges = np.concatenate([edges for _, edges, _ in steps])[None, :]
    weights = np.concatenate([np.full(len(edges), step, dtype=np.float32) for _, edges, step in steps])
    picked = graph.node("Gather", features, columns.astype(np.int64), axis=1)[0]
    passed = graph.cast(graph.node("Greater", picked, edges)[0], TensorProto.FLOAT)
    everything_missing = np.float32(bins * ((1 << len(MASKABLE)) - 1))
    row = graph.node("Add", graph.node("MatMul", passed, weights)[0], np.array(everything_missing))[0]
    return graph.cast(row, TensorProto.INT64)


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
