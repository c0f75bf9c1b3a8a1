"""ONNX Runtime, as inference runs it: one thread."""

from typing import cast

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

OUTPUTS = ("radial_velocity_kms", "quantiles_kms")


def run(onnx: bytes, features: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Outputs [N, 1] and [N, 5] of a graph for float32 [N, F]."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    value, quantiles = session.run(list(OUTPUTS), {"features": features})
    return cast("NDArray[np.float32]", value), cast("NDArray[np.float32]", quantiles)
