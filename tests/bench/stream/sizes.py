"""How much is measured."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sizes:
    """Stars of each measurement, but for what says otherwise."""

    repeats: int
    ingest: int
    arrow: int
    json: int
    plain: int
    score: int
    growth: int
    latency_s: float
    slow_stars: int
    requests: int


FULL: Final = Sizes(
    repeats=5,
    ingest=5_000_000,
    arrow=1_000_000,
    json=200_000,
    plain=10_000,
    score=400_000,
    growth=20_000_000,
    latency_s=10,
    slow_stars=30,
    requests=500,
)
QUICK: Final = Sizes(
    repeats=3,
    ingest=600_000,
    arrow=600_000,
    json=50_000,
    plain=3_000,
    score=80_000,
    growth=2_400_000,
    latency_s=3,
    slow_stars=6,
    requests=150,
)
