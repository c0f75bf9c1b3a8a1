"""Writes the model card: no path of a machine, only names, hashes and figures."""

from datetime import datetime
from importlib.metadata import version
from typing import Any, Final

import numpy as np
from astroscale_shared.registry import ModelCard, Parity
from astroscale_shared.registry.card import Feature, Histogram
from astroscale_shared.stars.columns import INPUTS
from astroscale_shared.stars.encoding import ENCODING_VERSION, FEATURE_NAMES
from numpy.typing import NDArray

from astroscale_training.export import IR_VERSION, ML_OPSET, MODEL_TYPE, OPSET
from astroscale_training.judge import Judgement
from astroscale_training.prepare import TrainingStars
from astroscale_training.settings import TrainingSettings
from astroscale_training.sources import command

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
_LIBRARIES: Final = ("numpy", "scikit-learn", "scipy", "skl2onnx", "onnx", "onnxruntime", "protobuf")
_DECILES: Final = tuple(i / 10 for i in range(1, 10))
_NEITHER_DATA_NOR_FIT: Final = {"data", "workers"}


def build_card(
    data: TrainingStars,
    features: NDArray[np.float32],
    settings: TrainingSettings,
    parity: Parity,
    judged: Judgement,
    trained_at: datetime,
    of_tables: dict[str, Any],
) -> ModelCard:
    """The card of a fitted and exported model; name, version and hash are the registry's to write.

    features: float32 [N, F], the stars encoded as they were observed. of_tables: what `sources.load` says.
    """
    return ModelCard(
        model_type=MODEL_TYPE,
        encoding_version=ENCODING_VERSION,
        feature_names=FEATURE_NAMES,
        features=ranges(data),
        trained_at=trained_at,
        normalization=settings.normalization,
        parity=parity,
        data=data.files,
        counts_per_survey=data.counts_per_survey(),
        cuts=data.cuts,
        metrics=judged.metrics,
        calibration=judged.calibration,
        reference=reference(features),
        known_failures=judged.known_failures,
        acknowledgements=ACKNOWLEDGEMENTS,
        training_command=command(settings),
        library_versions={name: version(name) for name in _LIBRARIES},
        extra={
            "settings": settings.model_dump(mode="json", exclude=_NEITHER_DATA_NOR_FIT),
            "onnx": {"opset": OPSET, "ml_opset": ML_OPSET, "ir_version": IR_VERSION},
        }
        | of_tables
        | judged.extra,
    )


def ranges(data: TrainingStars) -> tuple[Feature, ...]:
    """Each input that some star has: from the 1st to the 99th percentile of those."""
    out: list[Feature] = []
    for column in INPUTS:
        values = data.stars.numeric[column.name]
        there = values[~np.isnan(values)]
        if there.size:
            low, high = (float(end) for end in np.percentile(there, [1.0, 99.0]))
            out.append(Feature(name=column.name, unit=column.unit, low=low, high=high, description=column.description))
    return tuple(out)


def reference(features: NDArray[np.float32]) -> dict[str, Histogram]:
    """Deciles of each input in the units of the encoding, and the share of stars in each bin (see `Histogram`).

    features: float32 [N, F]. An input that no star has gets no edges: one bin of nothing.
    """
    out: dict[str, Histogram] = {}
    for column in INPUTS:
        values = features[:, FEATURE_NAMES.index(column.name)].astype(np.float64)
        there = values[~np.isnan(values)]
        missing = 1.0 - there.size / len(values)
        if not there.size:
            out[column.name] = Histogram(edges=(), shares=(0.0,), missing=missing)
            continue
        edges = np.quantile(there, _DECILES)
        counts = np.bincount(np.searchsorted(edges, there, side="right"), minlength=len(edges) + 1)
        out[column.name] = Histogram(
            edges=tuple(edges.tolist()), shares=tuple((counts / there.size).tolist()), missing=missing
        )
    return out
