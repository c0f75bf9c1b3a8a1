"""Scores as the columns of a prediction or a reply."""

from functools import lru_cache

import numpy as np
import pyarrow as pa
from astroscale_shared.messaging import codec
from astroscale_shared.messaging.contracts import QUANTILES, REPLY_SCHEMA
from astroscale_shared.stars.flags import EXTRAPOLATED
from astroscale_shared.stars.redshift import redshift
from astroscale_shared.stars.surprise import tail_probability
from numpy.typing import NDArray

from astroscale_inference.domain.model import Model, Scores


def columns(
    model: Model, scores: Scores, *, flags: NDArray[np.uint32], measured: NDArray[np.floating]
) -> dict[str, pa.Array]:
    """The columns of `contracts.SCORE_FIELDS`, by name. flags: uint32 [N] of the encoding; the model adds its own."""
    n = len(scores.value)
    flags = all_flags(scores, flags)
    zeros = pa.array(np.zeros(n, dtype=np.int32))
    return {
        "radial_velocity_kms": pa.array(scores.value),
        "predicted_z": pa.array(redshift(scores.value)),
        **{name: pa.array(scores.quantiles[:, i]) for i, name in enumerate(QUANTILES)},
        "tail_probability": codec.nullable(tail_probability(measured, scores.quantiles), pa.float32()),
        "flags": pa.array(flags),
        "model_name": pa.DictionaryArray.from_arrays(zeros, _word(model.name)),
        "model_version": pa.DictionaryArray.from_arrays(zeros, _word(model.version)),
    }


def reply(model: Model, scores: Scores, *, flags: NDArray[np.uint32], measured: NDArray[np.floating]) -> pa.RecordBatch:
    """The scores as a batch of the topic of replies."""
    made = columns(model, scores, flags=flags, measured=measured)
    return pa.RecordBatch.from_arrays([made[name] for name in REPLY_SCHEMA.names], schema=REPLY_SCHEMA)


def all_flags(scores: Scores, flags: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """uint32 [N]: the encoding's flags with those that only the model can set."""
    if scores.novelty is None:
        return flags
    return flags | np.where(scores.extrapolated, EXTRAPOLATED, np.uint32(0))


@lru_cache(maxsize=64)
def _word(text: str) -> pa.Array:
    # pyarrow looks for pandas on the disk each time that it is given a Python list: 200 us a request.
    return pa.array([text], type=pa.string())
