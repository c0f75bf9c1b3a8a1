"""The columns of an observation: names, units, allowed and nominal ranges.

The allowed range is a hard limit: a value outside it cannot be that quantity and the row is refused.
The nominal range is where training stars lie (2 to 98 parts in a hundred, rounded): outside it a prediction is an
extrapolation and carries a flag.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """One numeric column of an observation."""

    name: str
    unit: str
    low: float
    high: float
    description: str
    ucd: str
    high_open: bool = False
    low_open: bool = False
    nominal_low: float = float("-inf")
    nominal_high: float = float("inf")

    @property
    def allowed(self) -> str:
        """The allowed range as people write it, for example ``[0, 360) deg``."""
        left, right = "(" if self.low_open else "[", ")" if self.high_open else "]"
        unit = "" if self.unit == "-" else f" {self.unit}"
        return f"{left}{self.low:g}, {self.high:g}{right}{unit}"


RA = Column("ra", "deg", 0.0, 360.0, "right ascension, ICRS", "pos.eq.ra;meta.main", high_open=True)
DEC = Column("dec", "deg", -90.0, 90.0, "declination, ICRS", "pos.eq.dec;meta.main")
TEFF = Column(
    "teff",
    "K",
    0.0,
    200_000.0,
    "effective temperature",
    "phys.temperature.effective",
    low_open=True,
    nominal_low=3_500.0,
    nominal_high=7_500.0,
)
LOGG = Column(
    "logg", "dex", -5.0, 12.0, "surface gravity, log10 of cm s-2", "phys.gravity", nominal_low=0.2, nominal_high=5.0
)
FE_H = Column("fe_h", "dex", -10.0, 5.0, "[Fe/H]", "phys.abund.Fe", nominal_low=-2.5, nominal_high=0.5)
SNR = Column(
    "snr", "-", 0.0, 1e6, "signal-to-noise ratio of the spectrum", "stat.snr", nominal_low=5.0, nominal_high=1_500.0
)
PARALLAX = Column(
    "parallax",
    "mas",
    -1_000.0,
    1_000.0,
    "parallax; may be negative (noise)",
    "pos.parallax.trig",
    nominal_low=0.0,
    nominal_high=100.0,
)
PMRA = Column(
    "pmra",
    "mas/yr",
    -20_000.0,
    20_000.0,
    "proper motion in right ascension, times cos(dec)",
    "pos.pm;pos.eq.ra",
    nominal_low=-1_000.0,
    nominal_high=1_000.0,
)
PMDEC = Column(
    "pmdec",
    "mas/yr",
    -20_000.0,
    20_000.0,
    "proper motion in declination",
    "pos.pm;pos.eq.dec",
    nominal_low=-1_000.0,
    nominal_high=1_000.0,
)
RV_KMS = Column("rv_kms", "km/s", -3_000.0, 3_000.0, "measured heliocentric radial velocity", "spect.dopplerVeloc.opt")

FEATURES: tuple[Column, ...] = (RA, DEC, TEFF, LOGG, FE_H, SNR, PARALLAX)
"""The seven features, in the order that people type them."""

INPUTS: tuple[Column, ...] = (*FEATURES, PMRA, PMDEC)
"""All inputs of a prediction; the order of the bits in masks and flags."""

NUMERIC: tuple[Column, ...] = (*INPUTS, RV_KMS)
REQUIRED: frozenset[str] = frozenset({"ra", "dec"})
BY_NAME: dict[str, Column] = {column.name: column for column in NUMERIC}

TEXT: tuple[str, ...] = ("source_id", "survey")
