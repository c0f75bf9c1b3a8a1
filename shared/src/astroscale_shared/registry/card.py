"""The card of a model: what it is, what it learnt from, how good it is, and how that was found out."""

import math
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from astroscale_shared.runtime.errors import AstroScaleError

QUANTILES = (0.05, 0.16, 0.5, 0.84, 0.95)
"""Levels of the columns of `quantiles_kms`, the second output of every model."""


class _Part(BaseModel):
    # Unknown fields are ignored, so that an older reader takes a newer card; NaN is no number in JSON.
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class DataFile(_Part):
    """A table that the model learnt from; its name only, never where it lay."""

    file: str
    sha256: str
    rows: int = Field(ge=0)


class Cut(_Part):
    """Rows left out of training, and why."""

    name: str
    rows: int = Field(ge=0)
    reason: str


class Metric(_Part):
    """A figure on held-out stars, and its standard deviation over the folds."""

    value: float
    spread: float | None = None
    unit: str = "-"
    rows: int | None = None


class Calibration(_Part):
    """How often an interval holds the truth, on held-out stars with one pattern of missing inputs; widths in km/s."""

    pattern: str
    rows: int = Field(ge=0)
    level: float
    coverage: float
    coverage_spread: float | None = None
    mean_width_kms: float


class Feature(_Part):
    """One input as people know it: its unit, and the range in which the training stars lie (1 to 99 parts in 100)."""

    name: str
    unit: str = "-"
    low: float
    high: float
    description: str = ""


class Histogram(_Part):
    """How the training stars spread over one feature of the encoded tensor: what a stream is compared with for drift.

    edges: ascending, in the units of the tensor (see `stars.encoding.FEATURE_NAMES`). shares: one more than edges, of
    the stars that have the value: below the first edge, then `edges[i - 1] <= value < edges[i]`, then from the last
    edge on; together 1, or all 0 where no star has it. missing: the share of all stars that lack it.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    missing: float = Field(default=0.0, ge=0.0, le=1.0)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(self.shares) != len(self.edges) + 1:
            raise ValueError(f"{len(self.edges)} edges need {len(self.edges) + 1} shares, not {len(self.shares)}")
        if any(high < low for low, high in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError("edges must ascend")
        total = math.fsum(self.shares)
        if min(self.shares) < 0 or not (abs(total - 1.0) < 1e-3 or total == 0.0):
            raise ValueError(f"shares must be 0 or more and add up to 1, not {total:g}")
        return self


class Parity(_Part):
    """How far the exported graph is from the model in Python, on real rows; km/s."""

    rows: int = Field(ge=0)
    max_error_kms: float
    tolerance_kms: float
    passed: bool


class ModelCard(_Part):
    """The card, stored as card.json beside the graph.

    name, version and onnx_sha256 are written by `Registry.publish`. reference: by name of the nine raw inputs
    (`columns.INPUTS`). known_failures: one sentence each. `extra` is free for what one kind of model has to say. Times
    are given by the caller, as all else.
    """

    name: str = ""
    version: str = ""
    onnx_sha256: str = ""
    model_type: str
    encoding_version: int
    feature_names: tuple[str, ...]
    features: tuple[Feature, ...] = ()
    target: str = "rv_kms"
    quantiles: tuple[float, ...] = QUANTILES
    interval_level: float = 0.9
    trained_at: datetime
    normalization: str = "none"
    parity: Parity
    data: tuple[DataFile, ...] = ()
    counts_per_survey: dict[str, int] = Field(default_factory=dict)
    cuts: tuple[Cut, ...] = ()
    metrics: dict[str, Metric] = Field(default_factory=dict)
    calibration: tuple[Calibration, ...] = ()
    reference: dict[str, Histogram] = Field(default_factory=dict)
    known_failures: tuple[str, ...] = ()
    licence: str = "MIT"
    acknowledgements: tuple[str, ...] = ()
    training_command: str = ""
    library_versions: dict[str, str] = Field(default_factory=dict)
    extra: dict[str, Any] = Field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The card as JSON that people can read (UTF-8)."""
        return self.model_dump_json(indent=2).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The card of its JSON; AstroScaleError `bad_model_card` names the first field that is wrong."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "document"
            raise AstroScaleError("bad_model_card", f"model card, {field}: {first['msg']}") from error
