"""Zero points: by how much the velocities of one survey lie above or below those of the others.

Two measures. Stars in common, of which each survey says its own velocity: the median of the differences, which binaries
do not move. And what a small kinematic fit of all stars leaves over, survey by survey: this is there for every survey, but
a survey that fills its own place among the stars bends the fit to itself, so little left over proves nothing.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from astroscale_shared.stars.encoding import encode
from numpy.typing import NDArray

from astroscale_training.kinematic_regression import VIEWS, fit_kinematic
from astroscale_training.kinematics import kinematics
from astroscale_training.matches import close_pairs
from astroscale_training.ops import NUMPY
from astroscale_training.prepare import TrainingStars

FEWEST_IN_COMMON: Final = 30
SIGMAS: Final = 3.0
_WAVES: Final = 48
_MEDIAN_ERROR: Final = 1.2533
"""Standard error of a median over that of a mean, for normal errors."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ZeroPoint:
    """One survey; km/s. offset: median of its velocity minus another survey's, over the stars in common; None without
    any, its error None below two. residual: median of what the fit leaves over. corrected: what was subtracted.
    remaining: the offset in the velocities that are learnt from, measured again where any were corrected."""

    survey: str
    stars: int
    in_common: int
    offset_kms: float | None
    offset_error_kms: float | None
    residual_kms: float
    residual_error_kms: float | None
    remaining_kms: float | None
    remaining_error_kms: float | None
    corrected_kms: float = 0.0


def measure(data: TrainingStars) -> tuple[ZeroPoint, ...]:
    """The zero point of each survey, by name."""
    pairs = _pairs_of_surveys(data)
    of = kinematics(NUMPY, encode(data.stars).features.astype(np.float64))
    fit = fit_kinematic(of, data.velocity, np.ones(len(data)), views=VIEWS[:1], waves=_WAVES, seed=0)
    left_over = data.velocity - fit.predict(of)
    out: list[ZeroPoint] = []
    for survey, stars in data.counts_per_survey().items():
        differences = _differences(data, pairs, data.velocity, survey)
        offset, error = _median(differences)
        residual, residual_error = _median(left_over[data.survey == survey])
        assert residual is not None  # noqa: S101 - a survey that is counted has a star
        out.append(ZeroPoint(survey, stars, len(differences), offset, error, residual, residual_error, offset, error))
    return tuple(out)


def correct(data: TrainingStars, measured: tuple[ZeroPoint, ...]) -> tuple[TrainingStars, tuple[ZeroPoint, ...]]:
    """The same stars with offsets subtracted, and beside what had been measured what was subtracted and what remains.

    The survey with most stars in common with others stays as it is, for the others to be compared with. Of the others
    the clearest offset goes first, and what remains is measured again: an offset between two surveys is not taken out
    of both. Each survey at most once, from more than 30 stars in common and beyond 3 sigma.
    """
    velocity, pairs, subtracted = data.velocity.copy(), _pairs_of_surveys(data), dict[str, float]()
    if not len(pairs):
        return data, measured
    reference = max(measured, key=lambda z: (z.in_common, z.stars)).survey
    while True:
        clear: list[tuple[float, str, float]] = []
        for zero_point in measured:
            if zero_point.survey == reference or zero_point.survey in subtracted:
                continue
            differences = _differences(data, pairs, velocity, zero_point.survey)
            offset, error = _median(differences)
            if offset is None or error is None or len(differences) <= FEWEST_IN_COMMON:
                continue
            if abs(offset) > SIGMAS * error:
                clear.append((abs(offset) / max(error, 1e-9), zero_point.survey, offset))
        if not clear:
            break
        _, survey, offset = max(clear)
        subtracted[survey] = offset
        velocity[data.survey == survey] -= offset
    numeric = {**data.stars.numeric, "rv_kms": velocity}
    corrected = replace(data, stars=replace(data.stars, numeric=numeric), velocity=velocity)
    said: list[ZeroPoint] = []
    for z in measured:
        remaining, error = _median(_differences(data, pairs, velocity, z.survey))
        done = subtracted.get(z.survey, 0.0)
        said.append(replace(z, remaining_kms=remaining, remaining_error_kms=error, corrected_kms=done))
    return corrected, tuple(said)


def to_card(zero_points: tuple[ZeroPoint, ...]) -> list[dict[str, Any]]:
    """As the card holds them: km/s, to the metre a second."""
    return [
        {key: round(value, 3) if isinstance(value, float) else value for key, value in asdict(z).items()}
        for z in zero_points
    ]


def _pairs_of_surveys(data: TrainingStars) -> NDArray[np.intp]:
    """int [M, 2]: rows of one star in two surveys."""
    pairs = close_pairs(data.stars)
    return pairs[data.survey[pairs[:, 0]] != data.survey[pairs[:, 1]]]


def _differences(data: TrainingStars, pairs: NDArray[np.intp], velocity: Floats, survey: str) -> Floats:
    """float64 [M]: the survey's velocity minus the other's, km/s."""
    left, right = data.survey[pairs[:, 0]] == survey, data.survey[pairs[:, 1]] == survey
    difference = velocity[pairs[:, 0]] - velocity[pairs[:, 1]]
    return np.concatenate([difference[left], -difference[right]])


def _median(values: Floats) -> tuple[float | None, float | None]:
    """The median and its standard error, from the median deviation."""
    if not values.size:
        return None, None
    median = float(np.median(values))
    if values.size < 2:
        return median, None
    spread = 1.4826 * float(np.median(np.abs(values - median)))
    return median, _MEDIAN_ERROR * spread / float(np.sqrt(values.size))
