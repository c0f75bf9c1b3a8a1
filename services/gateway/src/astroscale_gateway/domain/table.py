"""Many stars at once: which of them may be asked for, why the others not, and what each is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import orjson
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import BY_NAME, INPUTS, RV_KMS
from astroscale_shared.stars.flags import names_of
from astroscale_shared.stars.observations import from_columns, outside, validate
from astroscale_shared.stars.redshift import redshift
from numpy.typing import NDArray

from astroscale_gateway.domain import star
from astroscale_gateway.domain.answer import LEVEL, QUANTILES

COLUMNS: Final = (*(column.name for column in INPUTS), RV_KMS.name)
"""What a row may have: the inputs, and the measured velocity, which gives a tail probability and nothing else."""


@dataclass(frozen=True, slots=True)
class Stars:
    """N rows. values: float64 [N, 10] in the order of COLUMNS, NaN where missing. refused: by row, why it is not asked
    for."""

    values: NDArray[np.float64]
    refused: Mapping[int, AstroScaleError]

    @property
    def good(self) -> NDArray[np.intp]:
        """The rows that are asked for."""
        keep = np.ones(len(self.values), dtype=np.bool_)
        keep[list(self.refused)] = False
        return np.flatnonzero(keep)


@dataclass(frozen=True, slots=True)
class Model:
    """Who answered."""

    name: str
    version: str
    encoding_version: int


@dataclass(frozen=True, slots=True)
class Answered:
    """N rows by one model; NaN and 0 where a row was refused.

    scores: float32 [N, 6], km/s: the velocity and its quantiles q05, q16, q50, q84, q95. tail_probability: float32 [N],
    NaN where no velocity was measured. flags: uint32 [N]. model: None where every row was refused.
    """

    scores: NDArray[np.float32]
    tail_probability: NDArray[np.float32]
    flags: NDArray[np.uint32]
    model: Model | None
    refused: Mapping[int, AstroScaleError]


def of_documents(documents: Sequence[Any]) -> Stars:
    """The stars of JSON objects. A measured velocity that cannot be one is none: it must not touch the prediction."""
    values = np.full((len(documents), len(COLUMNS)), np.nan)
    refused: dict[int, AstroScaleError] = {}
    low, high = RV_KMS.low, RV_KMS.high
    for i, document in enumerate(documents):
        inputs = document
        if type(document) is dict and RV_KMS.name in document:
            inputs = document.copy()
            measured = inputs.pop(RV_KMS.name)
            if type(measured) in (int, float) and low <= measured <= high:
                values[i, -1] = measured
        try:
            values[i, :-1] = star.of_row(inputs)
        except AstroScaleError as error:
            refused[i] = error
    return Stars(values, refused)


def of_columns(columns: Mapping[str, NDArray[np.float64]]) -> Stars:
    """The stars of float64 [N] columns, some of COLUMNS; those that are not there are missing everywhere."""
    stars = from_columns(columns)
    rv = stars.numeric[RV_KMS.name]
    clean = from_columns({**stars.numeric, RV_KMS.name: np.where(outside(RV_KMS, rv), np.nan, rv)})
    _, rejections = validate(clean)
    refused: dict[int, AstroScaleError] = {}
    for found in rejections:
        value = None if found.code == "missing_required" else found.value
        field = {"field": found.field, "value": value, "allowed": found.allowed, "message": found.detail}
        refused[found.row] = AstroScaleError("invalid_star", found.detail, fields=[field])
    return Stars(np.column_stack([clean.numeric[name] for name in COLUMNS]), refused)


def unknown_columns(names: Sequence[str]) -> AstroScaleError | None:
    """The error of columns that are none of ours, or come twice; None where there is none."""
    fields: list[dict[str, Any]] = []
    for name in dict.fromkeys(names):
        if name not in BY_NAME:
            said = f"{name[: star.MAX_SHOWN]} is no column; allowed are {', '.join(COLUMNS)}"
        elif names.count(name) > 1:
            said = f"{name} is there more than once"
        else:
            continue
        shown = name[: star.MAX_SHOWN]
        fields.append({"field": shown, "value": None, "allowed": ", ".join(COLUMNS), "message": said})
    if not fields:
        return None
    more = f"; and {len(fields) - 1} more" if len(fields) > 1 else ""
    return AstroScaleError("invalid_table", fields[0]["message"] + more, fields=fields[:20])


def reason(error: AstroScaleError) -> str:
    """Why a row was refused, every field of it, in one line."""
    return "; ".join(str(field["message"]) for field in error.fields) or error.message


def to_json(answered: Answered, request_id: str) -> bytes:
    """The answer to a JSON array."""
    z = redshift(answered.scores[:, [0, 1, 5]])
    tail: list[Any] = [None if p != p else p for p in answered.tail_probability]
    rows: list[Any] = [
        None if i in answered.refused else _row(scores, z[i], tail[i], flags)
        for i, (scores, flags) in enumerate(zip(answered.scores, answered.flags.tolist(), strict=True))
    ]
    document = {
        "predictions": rows,
        "refused": [
            {"row": row, "code": error.code, "message": error.message, "fields": error.fields}
            for row, error in sorted(answered.refused.items())
        ],
        "model": answered.model,
        "request_id": request_id,
    }
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def _row(scores: NDArray[np.float32], z: NDArray[np.float64], tail: Any, flags: int) -> dict[str, Any]:
    velocity, *quantiles = scores
    return {
        "predicted_z": z[0],
        "radial_velocity_kms": velocity,
        "interval": {
            "level": LEVEL,
            "lower_kms": quantiles[0],
            "upper_kms": quantiles[-1],
            "lower_z": z[1],
            "upper_z": z[2],
        },
        "quantiles_kms": dict(zip(QUANTILES, quantiles, strict=True)),
        "tail_probability": tail,
        "flags": _names(flags),
    }


@lru_cache(maxsize=4096)
def _names(flags: int) -> tuple[str, ...]:
    return tuple(names_of(flags))
