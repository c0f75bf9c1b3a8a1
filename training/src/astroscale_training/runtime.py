"""ONNX Runtime, as inference runs it: one thread."""

from typing import Final, cast

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

VALUE: Final = "radial_velocity_kms"
QUANTILES_KMS: Final = "quantiles_kms"
NOVELTY: Final = "novelty"
Floats = NDArray[np.float32]


def run(onnx: bytes, features: Floats) -> tuple[Floats, Floats, Floats]:
    """Outputs [N, 1], [N, 5] and [N, 1] (see `export.export`) of a graph for float32 [N, F]."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    outputs = session.run([VALUE, QUANTILES_KMS, NOVELTY], {"features": features})
    return cast("tuple[Floats, Floats, Floats]", tuple(outputs))
