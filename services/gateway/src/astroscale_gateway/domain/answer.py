"""A batch's scores -> what each caller is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import orjson
from astroscale_shared.stars.flags import names_of
from astroscale_shared.stars.redshift import SPEED_OF_LIGHT_KMS
from numpy.typing import NDArray

LEVEL: Final = 0.9
"""Share of stars whose velocity the interval q05 to q95 is meant to hold."""

QUANTILES: Final = ("q05", "q16", "q50", "q84", "q95")


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of N stars by one model.

    radial_velocity_kms float32 [N], quantiles_kms float32 [N, 5] (q05, q16, q50, q84, q95), flags uint32 [N].
    """

    radial_velocity_kms: NDArray[np.float32]
    quantiles_kms: NDArray[np.float32]
    flags: NDArray[np.uint32]
    model_name: str
    model_version: str
    encoding_version: int


def answers(scores: Scores) -> list[bytes]:
    """Each star's answer as JSON without its closing brace, so that the caller's request id can be put at the end."""
    model = {
        "name": scores.model_name,
        "version": scores.model_version,
        "encoding_version": scores.encoding_version,
    }
    each = zip(scores.radial_velocity_kms, scores.quantiles_kms, scores.flags.tolist(), strict=True)
    return [_answer(velocity, tuple(quantiles), flags, model) for velocity, quantiles, flags in each]


def _answer(velocity: np.float32, quantiles: Sequence[np.float32], flags: int, model: dict[str, Any]) -> bytes:
    lower, upper = quantiles[0], quantiles[-1]
    said = {
        "predicted_z": _z(velocity),
        "radial_velocity_kms": velocity,
        "interval": {
            "level": LEVEL,
            "lower_kms": lower,
            "upper_kms": upper,
            "lower_z": _z(lower),
            "upper_z": _z(upper),
        },
        "quantiles_kms": dict(zip(QUANTILES, quantiles, strict=True)),
        "flags": _names(flags),
        "model": model,
    }
    return orjson.dumps(said, option=orjson.OPT_SERIALIZE_NUMPY)[:-1]


def _z(velocity: np.float32) -> float:
    """As `stars.redshift` has it, of one value."""
    return float(velocity) / SPEED_OF_LIGHT_KMS


def with_request_id(answer: bytes, request_id: str) -> bytes:
    """The whole answer. A request id has only characters that JSON leaves as they are."""
    return b'%s,"request_id":"%s"}' % (answer, request_id.encode())


@lru_cache(maxsize=4096)
def _names(flags: int) -> Any:
    return tuple(names_of(flags))
