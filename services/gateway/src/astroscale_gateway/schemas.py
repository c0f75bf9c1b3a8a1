"""What the REST contract says of its bodies: documentation, and the types that clients generate from it.

The request is read by `domain.star` from the same table of columns; this is how it is described.
"""

from typing import Any

from astroscale_shared.stars.columns import (
    DEC,
    FE_H,
    LOGG,
    PARALLAX,
    PMDEC,
    PMRA,
    RA,
    RV_KMS,
    SNR,
    TEFF,
    Column,
)
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict


def _value(column: Column, example: float | None, **options: Any) -> Any:
    unit = "" if column.unit == "-" else f", {column.unit}"
    bounds: dict[str, Any] = {
        "gt" if column.low_open else "ge": column.low,
        "lt" if column.high_open else "le": column.high,
    }
    about: JsonDict = {"x-unit": column.unit, "x-ucd": column.ucd}
    return Field(
        description=f"{column.description[:1].upper()}{column.description[1:]}{unit}; allowed is {column.allowed}",
        examples=[example],
        json_schema_extra=about,
        **bounds,
        **options,
    )


STAR: JsonDict = {"ra": 200.12, "dec": -47.33, "teff": 5800, "logg": 4.3, "fe_h": 0, "snr": 100, "parallax": 7.2}
FAINT_STAR: JsonDict = {"ra": 12.5, "dec": 41.2, "teff": None, "logg": None, "fe_h": None, "snr": None, "parallax": 0.8}


class PredictRequest(BaseModel):
    """One star. The seven keys must be there; null says that a value is not known (not for ra and dec)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [STAR, FAINT_STAR]})

    ra: float = _value(RA, 200.12)
    dec: float = _value(DEC, -47.33)
    teff: float | None = _value(TEFF, 5800)
    logg: float | None = _value(LOGG, 4.3)
    fe_h: float | None = _value(FE_H, 0)
    snr: float | None = _value(SNR, 100)
    parallax: float | None = _value(PARALLAX, 7.2)
    pmra: float | None = _value(PMRA, -3.1, default=None)
    pmdec: float | None = _value(PMDEC, 1.4, default=None)


class BatchStar(BaseModel):
    """One of many stars. What is not known may be null or left out (not ra and dec)."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{**STAR, "rv_kms": -11.2}, {"ra": 12.5, "dec": 41.2}]}
    )

    ra: float = _value(RA, 200.12)
    dec: float = _value(DEC, -47.33)
    teff: float | None = _value(TEFF, 5800, default=None)
    logg: float | None = _value(LOGG, 4.3, default=None)
    fe_h: float | None = _value(FE_H, 0, default=None)
    snr: float | None = _value(SNR, 100, default=None)
    parallax: float | None = _value(PARALLAX, 7.2, default=None)
    pmra: float | None = _value(PMRA, -3.1, default=None)
    pmdec: float | None = _value(PMDEC, 1.4, default=None)
    rv_kms: float | None = Field(
        default=None,
        description="Measured heliocentric radial velocity, km/s, for tail_probability; no part of the prediction. "
        f"One outside {RV_KMS.allowed} counts as none",
        examples=[-11.2],
    )


class Interval(BaseModel):
    """The interval that holds the star's velocity at the given level."""

    level: float = Field(description="Share of stars whose velocity lies inside", examples=[0.9])
    lower_kms: float = Field(description="Lower end, km/s", examples=[-35.2])
    upper_kms: float = Field(description="Upper end, km/s", examples=[28.4])
    lower_z: float = Field(description="Lower end as redshift", examples=[-0.000117])
    upper_z: float = Field(description="Upper end as redshift", examples=[0.0000947])


class Quantiles(BaseModel):
    """Quantiles of the predicted distribution, km/s."""

    q05: float = Field(examples=[-35.2])
    q16: float = Field(examples=[-21.7])
    q50: float = Field(examples=[-3.4])
    q84: float = Field(examples=[15.1])
    q95: float = Field(examples=[28.4])


class ModelRef(BaseModel):
    """The model that made a prediction."""

    name: str = Field(examples=["default"])
    version: str = Field(description="First 12 digits of the SHA-256 of its graph", examples=["4f2a9c81d03b"])
    encoding_version: int = Field(examples=[1])


class PredictResponse(BaseModel):
    """The velocity of a star along the line of sight, with an honest interval."""

    predicted_z: float = Field(description="Redshift, radial_velocity_kms / 299792.458", examples=[-0.0000113])
    radial_velocity_kms: float = Field(description="Heliocentric, positive away from us, km/s", examples=[-3.4])
    interval: Interval
    quantiles_kms: Quantiles
    flags: list[str] = Field(
        description="What widens the interval: `missing_<field>`, `out_of_range_<field>` (outside the training stars), "
        "`extrapolated` (by the model's own measure, all inputs together lie far from the training stars)",
        examples=[["missing_fe_h"]],
    )
    model: ModelRef
    request_id: str = Field(description="As in the header X-Request-ID", examples=["c0ffee"])


class BatchPrediction(BaseModel):
    """One of many predictions."""

    predicted_z: float = Field(description="Redshift, radial_velocity_kms / 299792.458", examples=[-0.0000113])
    radial_velocity_kms: float = Field(description="Heliocentric, positive away from us, km/s", examples=[-3.4])
    interval: Interval
    quantiles_kms: Quantiles
    tail_probability: float | None = Field(
        description="How likely a velocity at least as far out as rv_kms is; null where none was given", examples=[0.61]
    )
    flags: list[str] = Field(description="As of /predict", examples=[["missing_fe_h"]])


class RefusedStar(BaseModel):
    """Why one star was not predicted."""

    row: int = Field(description="Its place in the array, from 0", examples=[1])
    code: str = Field(examples=["invalid_star"])
    message: str = Field(examples=["ra is 361; allowed is a number in [0, 360) deg"])
    fields: list["FieldProblem"]


class PredictBatchResponse(BaseModel):
    """Predictions in the order of the stars, all by one model; null for a star that was refused."""

    predictions: list[BatchPrediction | None]
    refused: list[RefusedStar]
    model: ModelRef | None = Field(description="null where every star was refused")
    request_id: str = Field(description="As in the header X-Request-ID", examples=["c0ffee"])


class ModelResponse(BaseModel):
    """The model in service, and its card."""

    name: str = Field(examples=["default"])
    version: str = Field(examples=["4f2a9c81d03b"])
    slot: str = Field(description="The slot that inference serves", examples=["default"])
    encoding_version: int = Field(examples=[1])
    sha256: str = Field(description="Of the graph")
    card: dict[str, Any] = Field(description="What the model is, what it learnt from, how good it is")


class FieldProblem(BaseModel):
    """One value that is not allowed."""

    field: str = Field(examples=["ra"])
    value: Any = Field(description="The value as it came, shortened where it is long", examples=[361])
    allowed: str = Field(examples=["a number in [0, 360) deg"])
    message: str = Field(examples=["ra is 361; allowed is a number in [0, 360) deg"])


class ErrorDetail(BaseModel):
    """What went wrong: a stable code, a sentence, and the values at fault."""

    code: str = Field(examples=["invalid_star"])
    message: str = Field(examples=["ra is 361; allowed is a number in [0, 360) deg"])
    fields: list[FieldProblem]


class ErrorResponse(BaseModel):
    """The shape of every error."""

    error: ErrorDetail
    request_id: str = Field(examples=["c0ffee"])


class LedgerRows(BaseModel):
    """Rows of one kind. rows_in = rows_out + rows_rejected."""

    rows_in: int = Field(examples=[5000])
    rows_out: int = Field(description="Encoded, or predicted", examples=[4998])
    rows_rejected: int = Field(description="Each is in a dead letter", examples=[2])


class LedgerStage(LedgerRows):
    """One step of the stream, over all partitions and kinds."""

    stage: str = Field(
        description="`encode` (raw to encoded) or `predict` (encoded to predictions)", examples=["encode"]
    )
    service: str = Field(examples=["preprocessor"])
    topic: str = Field(description="The topic that it reads", examples=["astro.observations.raw.v1"])
    messages: int = Field(examples=[3])
    offsets_expired: int = Field(description="What retention took before it was read", examples=[0])
    rejected_by: dict[str, int] = Field(description="Rows by reason code", examples=[{"out_of_range": 2}])
    adds_up: bool = Field(examples=[True])
    kinds: dict[str, LedgerRows] = Field(
        description="`first`: new rows. `redrive`: of messages that were refused and sent again. `replay`: of messages "
        "that an operator copied onto the topic"
    )


class LedgerResponse(BaseModel):
    """What became of every row, by the totals that the services write in the transactions of the rows they count."""

    adds_up: bool = Field(description="No row is unaccounted for", examples=[True])
    mismatch_rows: int = Field(
        description="Rows in that went nowhere or out that came from nowhere, in a stage or between the two",
        examples=[0],
    )
    waiting_rows: int = Field(description="Encoded, and not counted by inference yet", examples=[0])
    stages: list[LedgerStage]


class Alive(BaseModel):
    """The process answers."""

    alive: bool = Field(examples=[True])


class Ready(BaseModel):
    """Whether predictions can be had, and if not, why. Redis is helpful and not needed."""

    ready: bool = Field(examples=[True])
    reasons: list[str] = Field(examples=[[]])
    redis: str = Field(description="`ok` or `unreachable`", examples=["ok"])
    reply_partition: int | None = Field(description="Where this process reads its replies", examples=[3])
    reply_partition_leased: bool = Field(description="Whether Redis keeps it for this process", examples=[True])
