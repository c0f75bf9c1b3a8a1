"""Predictions in a user's own process, without a service: what `astroscale predict --local` finds by entry point."""

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
from astroscale_shared.messaging.contracts import ANSWER_SCHEMA
from astroscale_shared.registry import ModelCard
from astroscale_shared.stars.encoding import encode
from astroscale_shared.stars.observations import from_columns, validate
from numpy.typing import NDArray

from astroscale_inference import predictions
from astroscale_inference.domain.model import fit, load

Score = Callable[[Mapping[str, NDArray[np.float64]]], pa.RecordBatch]


def open_scorer(onnx: bytes, card: ModelCard, *, name: str, version: str, sha256: str) -> Score:
    """A function that answers rows in columns (float64 [N], NaN where missing) with `contracts.ANSWER_SCHEMA`.

    Its rows are those that the service gives for the same model. Raises AstroScaleError as `domain.model.load` does.
    """
    model = load(onnx, card, name=name, version=version, sha256=sha256)

    def score(columns: Mapping[str, NDArray[np.float64]]) -> pa.RecordBatch:
        stars = from_columns(columns)
        good, rejections = validate(stars)
        errors = np.full(len(stars), None, dtype=np.object_)
        for found in rejections:
            errors[found.row] = found.detail
        asked = stars.take(good)
        places = np.full(len(stars), -1, dtype=np.int64)
        encoded = encode(asked)
        scores = model.score(encoded.features)
        usable, problem = fit(scores)
        rows = np.flatnonzero(good)
        errors[rows[~usable]] = problem
        places[rows[usable]] = np.flatnonzero(usable)
        made = predictions.columns(model, scores, flags=encoded.flags, measured=asked.numeric["rv_kms"])
        indices = pa.array(places, mask=places < 0)
        columns_made = {column: array.take(indices) for column, array in made.items()}
        columns_made["error"] = pa.array(errors, type=pa.string())
        return pa.RecordBatch.from_arrays([columns_made[n] for n in ANSWER_SCHEMA.names], schema=ANSWER_SCHEMA)

    return score
