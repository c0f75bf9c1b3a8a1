"""What the model is known to get wrong: what follows from how it is made, and what the run itself has seen."""

from typing import Any, Final

import numpy as np
from astroscale_shared.registry import Calibration, Metric
from numpy.typing import NDArray

from astroscale_training.fit import HeldOut
from astroscale_training.groups import Mask
from astroscale_training.intervals import LEVELS, broken_promises, kept_by
from astroscale_training.prepare import ESCAPE_KMS, TrainingStars

ALWAYS: Final = (
    "The value is a mean over stars of one kind at one place: for a single star the interval matters more than the value.",
    "Stars move alone here: streams, clusters and other substructure of the halo are smoothed away.",
    (
        "Binaries and pulsating stars are not modelled. A velocity of one epoch may be tens of km/s from the star's own; it "
        "shows as surprise, not as an error."
    ),
    (
        "The distance is 1 / parallax, without the parallax error: far stars with a noisy parallax are placed wrongly, and "
        "their proper motions turned into wrong velocities."
    ),
    "Outside the inputs of the training stars (flags `out_of_range_*`) no promise of the interval was tested.",
    "The factors of the interval are cross-fitted over the same folds as value and scale; no further sample was held out.",
)

HOT_K: Final = 7_500.0
HALO_DEX: Final = -1.5
FAST_KMS: Final = 300.0
FEW: Final = 20
_CLEAR_KMS: Final = 1.0
_CLEAR_R2: Final = 0.1

Floats = NDArray[np.float64]


def known_failures(
    data: TrainingStars,
    held: HeldOut,
    novel: Mask,
    metrics: dict[str, Metric],
    calibration: tuple[Calibration, ...],
    zero_points: list[dict[str, Any]],
) -> tuple[str, ...]:
    """One sentence each, with the figures of stars held out.

    novel: bool [N], stars that the model would flag itself. zero_points: as in the card.
    """
    teff, fe_h = data.stars.numeric["teff"], data.stars.numeric["fe_h"]
    found = [
        *ALWAYS,
        f"Velocities above {ESCAPE_KMS:g} km/s were cut from training: hypervelocity stars are not foreseen.",
        _fingerprints(metrics),
        *_patches(metrics),
        _of_stars("Hot stars", f"teff above {HOT_K:g} K", teff > HOT_K, data, held),
        _metallicity_of_hot_stars(teff, fe_h),
        _of_stars("Halo stars", f"fe_h below {HALO_DEX:g}", fe_h < HALO_DEX, data, held),
        _of_stars("Fast stars", f"faster than {FAST_KMS:g} km/s", np.abs(data.velocity) > FAST_KMS, data, held),
        _of_stars("Stars far from all others", "flag `extrapolated`", novel, data, held),
        *_in_common(zero_points),
        *_leaning(data, held),
    ]
    found += [
        f'The 90 % interval holds {row.coverage:.1%} of {row.rows} rows of the group "{row.pattern}".'
        for row in broken_promises(calibration)
    ]
    return tuple(sentence for sentence in found if sentence)


def _fingerprints(metrics: dict[str, Metric]) -> str:
    if "r2_within_surveys" not in metrics:
        return ""
    total, means, within = (metrics[n].value for n in ("r2", "r2_of_survey_means", "r2_within_surveys"))
    return (
        "snr, teff, logg and which inputs are missing betray the survey, and surveys point at different stars: their mean "
        f"velocities alone explain {means:.3f} of the variance, the model {total:.3f}, and {within:.3f} within surveys."
    )


def _patches(metrics: dict[str, Metric]) -> list[str]:
    """Tables that are predicted far worse where all their sky is held out."""
    out: list[str] = []
    for key, sky in metrics.items():
        figure, _, table = key.partition(" table ")
        if figure == "r2_sky_block" and table and sky.value < metrics[f"r2 table {table}"].value - _CLEAR_R2:
            out.append(
                f"Stars of {table} are predicted with R2 {sky.value:.3f} where their part of the sky is held out, and with "
                f"{metrics[f'r2 table {table}'].value:.3f} where it is not: far from the training sky do not trust the like."
            )
    return out


def _of_stars(who: str, which: str, rows: Mask, data: TrainingStars, held: HeldOut) -> str:
    many = int(rows.sum())
    if many < FEW:
        return f"{who} ({which}): {many} in training, too few to have been learnt or judged."
    n = len(data)
    truth, quantiles = data.velocity[rows], held.quantiles[:n][rows]
    inside = float(np.mean((truth >= quantiles[:, 0]) & (truth <= quantiles[:, -1])))
    error = np.median(np.abs(truth - held.value[:n][rows]))
    half = np.mean(quantiles[:, -1] - quantiles[:, 0]) / 2.0
    level = max(LEVELS)
    off = ": the promise is broken" if inside < level else ", more than promised"
    said = "" if kept_by(inside, level, many) else off
    return (
        f"{who} ({which}): {many} in training; median error {error:.0f} km/s, 90 % interval +-{half:.0f} km/s wide on "
        f"average, holding {inside:.1%}{said}."
    )


def _metallicity_of_hot_stars(teff: Floats, fe_h: Floats) -> str:
    hot = (teff > HOT_K) & ~np.isnan(fe_h)
    poor = int(np.sum(hot & (fe_h < HALO_DEX)))
    if poor < FEW:
        return ""
    return (
        f"Hot stars are young, yet {poor} of {int(hot.sum())} have fe_h below {HALO_DEX:g} in the tables: weak lines read as "
        "few metals. Such a star is taken partly for one of the halo."
    )


def _in_common(zero_points: list[dict[str, Any]]) -> list[str]:
    """Surveys that disagree with others about the stars they share, in the velocities that the model learnt from."""
    how = "after zero points were corrected" if any(z["corrected_kms"] for z in zero_points) else "not corrected"
    return [
        f"{z['survey']} lies {z['remaining_kms']:+.1f} +- {z['remaining_error_kms']:.1f} km/s from other surveys in the "
        f"median of {z['in_common']} stars in common, {how}."
        for z in zero_points
        if z["in_common"] >= FEW
        if abs(z["remaining_kms"]) > max(_CLEAR_KMS, 3.0 * z["remaining_error_kms"])
    ]


def _leaning(data: TrainingStars, held: HeldOut) -> list[str]:
    """Surveys whose held-out residuals lean to one side: a zero point of the survey, or stars that the model misjudges."""
    residual = data.velocity - held.value[: len(data)]
    out: list[str] = []
    for name in sorted(set(data.survey.tolist())):
        of_survey = residual[data.survey == name]
        if len(of_survey) < FEW:
            continue
        lean, error = float(np.mean(of_survey)), float(np.std(of_survey) / np.sqrt(len(of_survey)))
        if abs(lean) > max(_CLEAR_KMS, 3.0 * error):
            out.append(f"{name} lies {lean:+.1f} +- {error:.1f} km/s from the model in the mean of its stars held out.")
    return out
