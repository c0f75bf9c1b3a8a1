"""A model in memory, behind the one contract that every model keeps. The adapter of ONNX Runtime."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from astroscale_shared.registry.card import ModelCard
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.encoding import ENCODING_VERSION, FEATURE_NAMES
from numpy.typing import NDArray

INPUT: Final = "features"
VALUE: Final = "radial_velocity_kms"
QUANTILES: Final = "quantiles_kms"
MAX_ROWS_A_RUN: Final = 65_536


@dataclass(frozen=True, slots=True)
class Scores:
    """value: float32 [N], km/s. quantiles: float32 [N, 5], km/s, ascending (5, 16, 50, 84, 95 %)."""

    value: NDArray[np.float32]
    quantiles: NDArray[np.float32]


class Model:
    """One immutable version of one model."""

    def __init__(self, name: str, version: str, sha256: str, card: ModelCard, session: Any) -> None:
        self.name = name
        self.version = version
        self.sha256 = sha256
        self.card = card
        self._session = session

    def score(self, features: NDArray[np.float32]) -> Scores:
        """Score an encoded tensor, float32 [N, F]; thread-safe."""
        parts = [
            self._session.run([VALUE, QUANTILES], {INPUT: features[start : start + MAX_ROWS_A_RUN]})
            for start in range(0, max(len(features), 1), MAX_ROWS_A_RUN)
        ]
        value = np.concatenate([part[0].reshape(-1) for part in parts])
        return Scores(value, np.concatenate([part[1] for part in parts]))


def load(onnx: bytes, card: ModelCard, *, name: str, version: str, sha256: str, threads: int = 1) -> Model:
    """A model out of its graph; AstroScaleError where it does not keep the contract.

    Codes: `model_encoding_mismatch`, `model_parity_failed`, `model_unreadable`, `model_wrong_contract`.
    """
    if card.encoding_version != ENCODING_VERSION:
        raise AstroScaleError(
            "model_encoding_mismatch",
            f"{name} {version} wants encoding {card.encoding_version}; this service encodes {ENCODING_VERSION}",
        )
    if not card.parity.passed or card.parity.max_error_kms > card.parity.tolerance_kms:
        raise AstroScaleError("model_parity_failed", f"{name} {version} did not pass its parity gate")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    try:
        session = ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise AstroScaleError("model_unreadable", f"{name} {version} is not a graph that can be run") from error
    model = Model(name, version, sha256, card, session)
    _check_contract(model, session)
    return model


def _check_contract(model: Model, session: Any) -> None:
    said = f"{model.name} {model.version}"
    inputs = [i.name for i in session.get_inputs()]
    outputs = {o.name for o in session.get_outputs()}
    if inputs != [INPUT] or not {VALUE, QUANTILES} <= outputs:
        raise AstroScaleError(
            "model_wrong_contract", f"{said} has inputs {inputs} and outputs {sorted(outputs)}; see the ONNX contract"
        )
    # A star with everything, one with a position only, and a batch of both: shapes, order and finiteness.
    probe = np.zeros((3, len(FEATURE_NAMES)), dtype=np.float32)
    probe[1, 2:9] = np.nan
    probe[1, 12:] = np.nan
    try:
        scores = model.score(probe)
    except Exception as error:
        raise AstroScaleError(
            "model_wrong_contract", f"{said} does not take float32 [N, {len(FEATURE_NAMES)}]"
        ) from error
    if scores.value.shape != (3,) or scores.quantiles.shape != (3, 5):
        raise AstroScaleError("model_wrong_contract", f"{said} answers shapes other than [N, 1] and [N, 5]")
    problem = not np.isfinite(scores.value).all() or not fit(scores)[0].all()
    if problem:
        raise AstroScaleError("model_wrong_contract", f"{said} answers no finite, ascending quantiles")


def fit(scores: Scores) -> tuple[NDArray[np.bool_], str]:
    """bool [N]: whether a score is fit to be published: finite, its quantiles ascending, its value among them."""
    q = scores.quantiles
    finite = np.isfinite(q).all(axis=1) & np.isfinite(scores.value)
    with np.errstate(invalid="ignore"):
        ascending = (np.diff(q, axis=1) >= 0).all(axis=1)
        inside = (scores.value >= q[:, 0]) & (scores.value <= q[:, 4])
    return finite & ascending & inside, "the model gave no finite value inside ascending quantiles"
