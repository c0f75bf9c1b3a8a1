"""A model in memory, behind the one contract that every model keeps. The adapter of ONNX Runtime."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from astroscale_shared.registry.card import ModelCard
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.encoding import ENCODING_VERSION, FEATURE_NAMES
from numpy.typing import NDArray

from astroscale_inference.domain.drift import Reference

INPUT: Final = "features"
VALUE: Final = "radial_velocity_kms"
QUANTILES: Final = "quantiles_kms"
NOVELTY: Final = "novelty"
"""Optional output, float32 [N, 1]: how far a star lies from the training stars; above 1 it is an extrapolation."""
DEFAULT_PROVIDERS: Final = ("CPUExecutionProvider",)
MAX_ROWS_A_RUN: Final = 65_536


@dataclass(frozen=True, slots=True)
class Scores:
    """value: float32 [N], km/s. quantiles: float32 [N, 5], km/s, ascending (5, 16, 50, 84, 95 %). novelty: float32 [N],
    above 1 where the star is an extrapolation; None where the model does not say."""

    value: NDArray[np.float32]
    quantiles: NDArray[np.float32]
    novelty: NDArray[np.float32] | None = None

    @property
    def extrapolated(self) -> NDArray[np.bool_]:
        """bool [N]: where the model says that it extrapolates."""
        if self.novelty is None:
            return np.zeros(len(self.value), dtype=np.bool_)
        return self.novelty > 1.0


class Model:
    """One immutable version of one model."""

    def __init__(self, name: str, version: str, sha256: str, card: ModelCard, session: Any) -> None:
        self.name = name
        self.version = version
        self.sha256 = sha256
        self.card = card
        self.reference = Reference(card.reference)
        self._session = session
        there = {output.name for output in session.get_outputs()}
        self._outputs = [name for name in (VALUE, QUANTILES, NOVELTY) if name in there]

    @property
    def provider(self) -> str:
        """The execution provider that runs the graph, or most of it."""
        return str(self._session.get_providers()[0])

    def score(self, features: NDArray[np.float32]) -> Scores:
        """Score an encoded tensor, float32 [N, F]; thread-safe."""
        parts = [
            self._session.run(self._outputs, {INPUT: features[start : start + MAX_ROWS_A_RUN]})
            for start in range(0, max(len(features), 1), MAX_ROWS_A_RUN)
        ]
        found = [np.concatenate(of_parts) for of_parts in zip(*parts, strict=True)]
        return Scores(found[0].reshape(-1), found[1], found[2].reshape(-1) if len(found) > 2 else None)


def check_providers(wanted: Sequence[str]) -> None:
    """AstroScaleError `bad_config` where this build of ONNX Runtime lacks an execution provider that is asked for."""
    there = ort.get_available_providers()
    lacking = [provider for provider in wanted if provider not in there]
    if lacking or not wanted:
        raise AstroScaleError(
            "bad_config",
            f"execution_providers names {', '.join(lacking) or 'nothing'}; this build of ONNX Runtime has "
            + ", ".join(there),
        )


def load(
    onnx: bytes,
    card: ModelCard,
    *,
    name: str,
    version: str,
    sha256: str,
    threads: int = 1,
    providers: Sequence[str] = DEFAULT_PROVIDERS,
) -> Model:
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
        session = ort.InferenceSession(onnx, options, providers=list(providers))
    except Exception as error:
        raise AstroScaleError("model_unreadable", f"{name} {version} is not a graph that can be run") from error
    _check_names(f"{name} {version}", session)
    model = Model(name, version, sha256, card, session)
    _check_answers(model)
    return model


def _check_names(said: str, session: Any) -> None:
    inputs = [i.name for i in session.get_inputs()]
    outputs = {o.name for o in session.get_outputs()}
    if inputs != [INPUT] or not {VALUE, QUANTILES} <= outputs:
        raise AstroScaleError(
            "model_wrong_contract", f"{said} has inputs {inputs} and outputs {sorted(outputs)}; see the ONNX contract"
        )


def _check_answers(model: Model) -> None:
    said = f"{model.name} {model.version}"
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
    if scores.novelty is not None and (scores.novelty.shape != (3,) or not np.isfinite(scores.novelty).all()):
        raise AstroScaleError("model_wrong_contract", f"{said} answers a novelty that is no finite number a star")
    if not fit(scores)[0].all():
        raise AstroScaleError("model_wrong_contract", f"{said} answers no finite, ascending quantiles")


def fit(scores: Scores) -> tuple[NDArray[np.bool_], str]:
    """bool [N]: whether a score is fit to be published: finite, its quantiles ascending, its value among them."""
    q = scores.quantiles
    finite = np.isfinite(q).all(axis=1) & np.isfinite(scores.value)
    with np.errstate(invalid="ignore"):
        ascending = (np.diff(q, axis=1) >= 0).all(axis=1)
        inside = (scores.value >= q[:, 0]) & (scores.value <= q[:, 4])
    return finite & ascending & inside, "the model gave no finite value inside ascending quantiles"
