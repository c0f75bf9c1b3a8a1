"""What the gateway answers, typed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import BY_NAME

QUANTILES: Final = ("q05", "q16", "q50", "q84", "q95")

LABELS: Final[Mapping[str, str]] = {
    "ra": "right ascension",
    "dec": "declination",
    "teff": "effective temperature",
    "logg": "surface gravity",
    "fe_h": "metallicity [Fe/H]",
    "snr": "signal-to-noise ratio",
    "parallax": "parallax",
    "pmra": "proper motion in right ascension",
    "pmdec": "proper motion in declination",
}


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the velocity is with probability `level`: km/s, and as redshift."""

    level: float
    lower_kms: float
    upper_kms: float
    lower_z: float
    upper_z: float


@dataclass(frozen=True, slots=True)
class Model:
    """Which model answered."""

    name: str
    version: str
    encoding_version: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """Line-of-sight velocity of one star.

    radial_velocity_kms in km/s (away from us is positive), predicted_z its redshift, quantiles_kms by name
    (q05, q16, q50, q84, q95). flags: what makes it less certain; `remarks` says them in words.
    """

    radial_velocity_kms: float
    predicted_z: float
    interval: Interval
    quantiles_kms: Mapping[str, float]
    flags: tuple[str, ...]
    model: Model
    request_id: str

    @classmethod
    def from_dict(cls, answer: Mapping[str, Any]) -> Self:
        """A prediction of the gateway's JSON; AstroScaleError `bad_answer` where it is none."""
        try:
            interval, model = answer["interval"], answer["model"]
            return cls(
                radial_velocity_kms=float(answer["radial_velocity_kms"]),
                predicted_z=float(answer["predicted_z"]),
                interval=Interval(
                    **{k: float(interval[k]) for k in ("level", "lower_kms", "upper_kms", "lower_z", "upper_z")}
                ),
                quantiles_kms={q: float(answer["quantiles_kms"][q]) for q in QUANTILES},
                flags=tuple(str(flag) for flag in answer["flags"]),
                model=Model(str(model["name"]), str(model["version"]), int(model["encoding_version"])),
                request_id=str(answer["request_id"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise AstroScaleError(
                "bad_answer", f"the gateway's answer is no prediction ({type(error).__name__}: {error})"
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """As the gateway's JSON."""
        return asdict(self) | {"flags": list(self.flags)}

    @property
    def remarks(self) -> list[str]:
        """The flags in words."""
        return [in_words(flag) for flag in self.flags]


def in_words(flag: str) -> str:
    """One flag as a sentence; an unknown one by its name rather than hidden."""
    name = flag.removeprefix("missing_")
    if name != flag and name in LABELS:
        return f"{LABELS[name]} is missing: predicted without it, so less certain"
    name = flag.removeprefix("out_of_range_")
    if name != flag and name in LABELS:
        column = BY_NAME[name]
        unit = "" if column.unit == "-" else f" {column.unit}"
        return (
            f"{LABELS[name]} is outside {column.nominal_low:g} to {column.nominal_high:g}{unit}, "
            "where the training stars are: an extrapolation"
        )
    if flag == "extrapolated":
        return "all inputs together lie far from the training stars: an extrapolation"
    return flag.replace("_", " ")
