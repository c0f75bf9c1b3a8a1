"""Writes the model card: no path of a machine, only names, hashes and figures."""

from datetime import datetime
from importlib.metadata import version
from math import isfinite
from typing import Final

from astroscale_shared.registry import Calibration, Metric, ModelCard, Parity
from astroscale_shared.stars.columns import INPUTS, Column
from astroscale_shared.stars.encoding import ENCODING_VERSION, FEATURE_NAMES

from astroscale_training.calibrate import GROUP_NAMES
from astroscale_training.export import IR_VERSION, ML_OPSET, MODEL_TYPE, OPSET
from astroscale_training.prepare import TrainingStars
from astroscale_training.settings import TrainingSettings

ACKNOWLEDGEMENTS: Final = (
    "SDSS/APOGEE",
    "LAMOST",
    "GALAH",
    "ESA Gaia/DPAC",
    "Hipparcos",
    "ESO HARPS",
    "Kepler",
    "CoRoT",
)
TRAINING_COMMAND: Final = "uv run python -m astroscale_training train"
_LIBRARIES: Final = ("numpy", "scikit-learn", "scipy", "skl2onnx", "onnx", "onnxruntime", "protobuf")

KNOWN_LIMITS: Final = (
    "The value is a mean over many stars of the kind: for one star the interval matters more than the value.",
    "Outside the trained ranges (flagged) the trees repeat their outermost answer and the interval is not calibrated.",
    (
        "Without a spectrum the interval is wide enough for stars that only lost theirs; bright stars that never had one "
        "lie inside it more often than promised."
    ),
    "LAMOST velocities sit about 5 km/s below those of the other surveys; no zero point was corrected.",
    "Factors are cross-fitted over the same folds as the trees of value and scale; no fourth sample was held out.",
)


def build_card(
    data: TrainingStars,
    settings: TrainingSettings,
    parity: Parity,
    metrics: dict[str, Metric],
    calibration: tuple[Calibration, ...],
    trained_at: datetime,
) -> ModelCard:
    """The card of a fitted and exported model; name, version and hash are the registry's to write."""
    return ModelCard(
        model_type=MODEL_TYPE,
        encoding_version=ENCODING_VERSION,
        feature_names=FEATURE_NAMES,
        trained_at=trained_at,
        normalization=settings.normalization,
        parity=parity,
        data=data.files,
        counts_per_survey=data.counts_per_survey(),
        cuts=data.cuts,
        metrics=metrics,
        calibration=calibration,
        acknowledgements=ACKNOWLEDGEMENTS,
        training_command=TRAINING_COMMAND,
        library_versions={name: version(name) for name in _LIBRARIES},
        extra={
            "inputs": [{"name": c.name, "unit": c.unit, "trained": _range(c)} for c in INPUTS],
            "settings": settings.model_dump(mode="json", exclude={"data"}),
            "groups_of_missing_inputs": list(GROUP_NAMES),
            "known_limits": list(KNOWN_LIMITS),
            "onnx": {"opset": OPSET, "ml_opset": ML_OPSET, "ir_version": IR_VERSION},
        },
    )


def _range(column: Column) -> list[float] | None:
    ends = [column.nominal_low, column.nominal_high]
    return ends if all(map(isfinite, ends)) else None
