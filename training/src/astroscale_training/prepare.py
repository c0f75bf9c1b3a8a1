"""Star tables -> training stars: what is left out, and why, is counted and said."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
from astroscale_shared.registry import Cut, DataFile
from astroscale_shared.stars.columns import BY_NAME, INPUTS
from astroscale_shared.stars.observations import Observations, join, validate
from numpy.typing import NDArray

from astroscale_training.faults import bad_data
from astroscale_training.matches import DUPLICATE_ARCSEC, duplicates, same_star
from astroscale_training.suspicions import require_plausible
from astroscale_training.tables import Table

ESCAPE_KMS: Final = 600.0
"""A bound star near the Sun is not faster (escape speed 528 km/s: Deason et al. 2019, MNRAS 485, 3514; and its reflex)."""

FEWEST_STARS: Final = 200


@dataclass(frozen=True, slots=True)
class TrainingStars:
    """N stars that may be learnt from.

    velocity: float64 [N], km/s. survey: object [N] of str. table: object [N], the file's name. clean: bool [N].
    same_star: int [N], equal for rows of one star in several tables: what they have in common belongs in one fold.
    notes: what else a reader of the card should know of the tables, one sentence each.
    """

    stars: Observations
    velocity: NDArray[np.float64]
    survey: NDArray[np.object_]
    table: NDArray[np.object_]
    clean: NDArray[np.bool_]
    same_star: NDArray[np.intp]
    files: tuple[DataFile, ...]
    cuts: tuple[Cut, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.velocity)

    def counts_per_survey(self) -> dict[str, int]:
        """How many stars each survey gave."""
        return dict(sorted(Counter(self.survey.tolist()).items()))


def prepare(tables: list[Table], *, trust_units: bool = False) -> TrainingStars:
    """Put tables together and leave out what cannot be right or is there twice.

    Raises AstroScaleError `bad_training_data` where fewer than 200 stars are left or all have one velocity, and, but
    with trust_units, `suspicious_units` where a column looks like another unit or quantity.
    """
    for table in () if trust_units else tables:
        require_plausible(table)
    stars = join([t.stars for t in tables])
    table = np.concatenate([np.full(len(t.stars), t.file.file, dtype=np.object_) for t in tables])
    clean = np.concatenate([t.clean for t in tables])
    velocity = stars.numeric["rv_kms"]
    kept, cuts = np.ones(len(stars), dtype=np.bool_), list[Cut]()

    def leave_out(name: str, bad: NDArray[np.bool_], reason: str) -> None:
        cuts.append(Cut(name=name, rows=int(np.sum(bad & kept)), reason=reason))
        kept[bad] = False

    leave_out("no_velocity", np.isnan(velocity), "rv_kms is missing")
    leave_out("invalid", *_invalid(stars, kept))
    leave_out("impossible_velocity", np.abs(velocity) > ESCAPE_KMS, f"|rv_kms| above {ESCAPE_KMS:g} km/s")
    leave_out(
        "duplicate",
        duplicates(stars, table, kept),
        f"a fuller row of the same table lies within {DUPLICATE_ARCSEC:g} arcsec",
    )
    _require_enough(velocity[kept], len(stars), cuts)
    survey = np.array([s or "unknown" for s in stars.survey], dtype=np.object_)
    left = stars.take(kept)
    return TrainingStars(
        stars=left,
        velocity=velocity[kept],
        survey=survey[kept],
        table=table[kept],
        clean=clean[kept],
        same_star=same_star(left),
        files=tuple(t.file for t in tables),
        cuts=tuple(cuts),
        notes=(*(note for t in tables for note in t.notes), *_missing_everywhere(left)),
    )


def _invalid(stars: Observations, kept: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], str]:
    """bool [N], and which columns were at fault, with the first value of each."""
    good, rejections = validate(stars)
    found = [r for r in rejections if kept[r.row]]
    first = {r.field: r.value for r in reversed(found)}
    by_column = [
        f"{name} in {rows} (such as {first[name]}; allowed is {BY_NAME[name].allowed})"
        for name, rows in sorted(Counter(r.field for r in found).items())
    ]
    reason = "a value outside the allowed range of its column, or no position"
    return ~good, f"{reason}: {'; '.join(by_column)}" if by_column else reason


def _require_enough(velocity: NDArray[np.float64], read: int, cuts: list[Cut]) -> None:
    if len(velocity) < FEWEST_STARS:
        lost = "; ".join(f"{cut.rows} {cut.name}: {cut.reason}" for cut in cuts if cut.rows)
        raise bad_data(
            f"{len(velocity)} usable stars are left of {read}; at least {FEWEST_STARS} are needed"
            + (f". Left out: {lost}" if lost else ""),
            "rows",
            len(velocity),
            f"at least {FEWEST_STARS}",
        )
    if np.ptp(velocity) == 0.0:
        raise bad_data(
            f"all stars have the same rv_kms, {velocity[0]:g} km/s: there is nothing to learn",
            "rv_kms",
            velocity[0],
            "more than one value",
        )


def _missing_everywhere(stars: Observations) -> list[str]:
    absent = [c.name for c in INPUTS if np.isnan(stars.numeric[c.name]).all()]
    return [f"no star has {name}: the model cannot use it" for name in absent]
