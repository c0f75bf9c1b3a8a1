"""The gate before publishing: the graph must say what the model in Python says, and keep its contract."""

import numpy as np
from astroscale_shared.registry import Parity
from astroscale_shared.registry.card import QUANTILES
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.encoding import encode
from astroscale_shared.stars.observations import Observations
from numpy.typing import NDArray

from astroscale_training.features import draw_masks, mask
from astroscale_training.model import Model
from astroscale_training.runtime import run


def probe_rows(stars: Observations, rows: int, seed: int) -> NDArray[np.float32]:
    """float32 [M, F]: every star as it is, and at least `rows` drawn again with inputs taken away."""
    rng = np.random.default_rng(seed)
    drawn = stars.take(rng.integers(0, len(stars), rows))
    return np.concatenate([encode(stars).features, encode(mask(drawn, draw_masks(rows, rng))).features])


def require_parity(model: Model, onnx: bytes, features: NDArray[np.float32], tolerance_kms: float) -> Parity:
    """How far the graph is from the model on features float32 [N, F].

    Raises AstroScaleError `parity_failed` beyond the tolerance, or where the graph breaks its contract: finite outputs of
    the right shapes, quantiles that ascend, the value between the first and the last.
    """
    try:
        value, quantiles, novelty = run(onnx, features)
    except Exception as error:
        # ONNX Runtime has an exception for each way in which a graph can be no graph, or lack an output.
        said = (str(error).splitlines() or [""])[0][:200]
        raise AstroScaleError("parity_failed", f"the graph does not run: {type(error).__name__}: {said}") from error
    expected = model.predict(features)
    n = len(features)
    if value.shape != (n, 1) or quantiles.shape != (n, len(QUANTILES)):
        raise AstroScaleError("parity_failed", f"the graph's outputs have shapes {value.shape} and {quantiles.shape}")
    if not (np.isfinite(value).all() and np.isfinite(quantiles).all()):
        raise AstroScaleError("parity_failed", "the graph's outputs are not all finite")
    worst = max(float(np.abs(value - expected.value).max()), float(np.abs(quantiles - expected.quantiles).max()))
    # Written so that a worst error that is no number fails too.
    if not worst <= tolerance_kms:
        raise AstroScaleError(
            "parity_failed",
            f"the graph is {worst:.3g} km/s from the model on {n} rows, allowed is {tolerance_kms:g}: not published",
        )
    if novelty.shape != (n, 1) or not np.allclose(novelty, expected.novelty, rtol=1e-4, atol=1e-4):
        raise AstroScaleError("parity_failed", "the graph's novelty is not the model's")
    if (np.diff(quantiles, axis=1) < 0.0).any():
        raise AstroScaleError("parity_failed", "the graph's quantiles cross")
    if ((value < quantiles[:, :1]) | (value > quantiles[:, -1:])).any():
        raise AstroScaleError("parity_failed", "the graph's value lies outside its interval")
    return Parity(rows=n, max_error_kms=worst, tolerance_kms=tolerance_kms, passed=True)
