"""Tiny ONNX graphs: a linear model that keeps the contract, and ways to break it."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import onnx
from astroscale_shared.registry import ModelCard, Parity
from astroscale_shared.stars.encoding import ENCODING_VERSION, FEATURE_NAMES
from onnx import TensorProto, helper, numpy_helper

OFFSETS = (-20.0, -10.0, 0.0, 10.0, 20.0)


def graph(
    *,
    bias: float = 0.0,
    offsets: tuple[float, ...] = OFFSETS,
    features: int = len(FEATURE_NAMES),
    weights: tuple[float, ...] = (),
    input_name: str = "features",
    value_name: str = "radial_velocity_kms",
    quantiles_name: str = "quantiles_kms",
    input_type: int = TensorProto.FLOAT,
    impute: bool = True,
    novelty: tuple[float, ...] | None = None,
) -> bytes:
    """value = bias + weights . features (NaN as 0, unless `impute` is off), quantiles = value + offsets; km/s.

    With `novelty`, a third output: these weights times the features.
    """
    column = np.zeros((features, 1), dtype=np.float32)
    column[: len(weights), 0] = weights
    constants: list[Any] = [
        numpy_helper.from_array(column, "weights"),
        numpy_helper.from_array(np.array([[bias]], dtype=np.float32), "bias"),
        numpy_helper.from_array(np.array([offsets], dtype=np.float32), "offsets"),
        numpy_helper.from_array(np.array(0.0, dtype=np.float32), "zero"),
    ]
    nodes = [helper.make_node("Cast", [input_name], ["given"], to=TensorProto.FLOAT)]
    if impute:
        nodes += [
            helper.make_node("IsNaN", ["given"], ["absent"]),
            helper.make_node("Where", ["absent", "zero", "given"], ["filled"]),
        ]
    nodes += [
        helper.make_node("MatMul", ["filled" if impute else "given", "weights"], ["projected"]),
        helper.make_node("Add", ["projected", "bias"], [value_name]),
        helper.make_node("Add", [value_name, "offsets"], [quantiles_name]),
    ]
    outputs = [
        helper.make_tensor_value_info(value_name, TensorProto.FLOAT, [None, 1]),
        helper.make_tensor_value_info(quantiles_name, TensorProto.FLOAT, [None, len(offsets)]),
    ]
    if novelty is not None:
        steps = np.zeros((features, 1), dtype=np.float32)
        steps[: len(novelty), 0] = novelty
        constants.append(numpy_helper.from_array(steps, "steps"))
        nodes.append(helper.make_node("MatMul", ["filled" if impute else "given", "steps"], ["novelty"]))
        outputs.append(helper.make_tensor_value_info("novelty", TensorProto.FLOAT, [None, 1]))
    made = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info(input_name, input_type, [None, features])],
        outputs,
        initializer=constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def card(**changed: Any) -> ModelCard:
    """A card that passes every gate but for what is changed."""
    whole: dict[str, Any] = {
        "model_type": "test",
        "encoding_version": ENCODING_VERSION,
        "feature_names": FEATURE_NAMES,
        "trained_at": datetime(2025, 1, 2, tzinfo=UTC),
        "parity": Parity(rows=1, max_error_kms=0.0, tolerance_kms=1e-3, passed=True),
    }
    return ModelCard(**(whole | changed))
