"""A batch's scores -> what each caller is told."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import orjson
from astroscale_shared.stars.flags import names_of
from astroscale_shared.stars.redshift import redshift
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
    velocity, quantiles = scores.radial_velocity_kms, scores.quantiles_kms
    z = redshift(velocity)
    lower_z, upper_z = redshift(quantiles[:, 0]), redshift(quantiles[:, -1])
    model = {
        "name": scores.model_name,
        "version": scores.model_version,
        "encoding_version": scores.encoding_version,
    }
    return [
        orjson.dumps(
            {
                "predicted_z": z[i],
                "radial_velocity_kms": velocity[i],
                "interval": {
                    "level": LEVEL,
                    "lower_kms": quantiles[i, 0],
                    "upper_kms": quantiles[i, -1],
                    "lower_z": lower_z[i],
                    "upper_z": upper_z[i],
                },
                "quantiles_kms": dict(zip(QUANTILES, quantiles[i], strict=True)),
                "flags": _names(int(scores.flags[i])),
                "model": model,
            },
            option=orjson.OPT_SERIALIZE_NUMPY,
        )[:-1]
        for i in range(len(velocity))
    ]


def with_request_id(answer: bytes, request_id: str) -> bytes:
    """The whole answer. A request id has only characters that JSON leaves as they are."""
    return b'%s,"request_id":"%s"}' % (answer, request_id.encode())


@lru_cache(maxsize=4096)
def _names(flags: int) -> Any:
    return tuple(names_of(flags))
