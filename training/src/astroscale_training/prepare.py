"""Star tables -> training stars: what is left out, and why, is counted and said."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
from astroscale_shared.registry import Cut, DataFile
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import INPUTS, NUMERIC
from astroscale_shared.stars.observations import Observations, from_columns, validate
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from astroscale_training.tables import Table

ESCAPE_KMS: Final = 600.0
"""A bound star near the Sun is not faster (escape speed 528 km/s: Deason et al. 2019, MNRAS 485, 3514; and its reflex)."""

DUPLICATE_ARCSEC: Final = 3.0
FEWEST_STARS: Final = 200


@dataclass(frozen=True, slots=True)
class TrainingStars:
    """N stars that may be learnt from.

    velocity: float64 [N], km/s. survey: object [N] of str. table: object [N], the file's name. clean: bool [N].
    same_star: int [N], equal for rows of one star in several tables: what they have in common belongs in one fold.
    """

    stars: Observations
    velocity: NDArray[np.float64]
    survey: NDArray[np.object_]
    table: NDArray[np.object_]
    clean: NDArray[np.bool_]
    same_star: NDArray[np.intp]
    files: tuple[DataFile, ...]
    cuts: tuple[Cut, ...]

    def __len__(self) -> int:
        return len(self.velocity)

    def counts_per_survey(self) -> dict[str, int]:
        """How many stars each survey gave."""
        return dict(sorted(Counter(self.survey.tolist()).items()))


def prepare(tables: list[Table]) -> TrainingStars:
    """Put tables together and leave out what cannot be right or is there twice.

    Raises AstroScaleError `bad_training_data` where fewer than 200 stars are left or all have one velocity.
    """
    stars = _concatenate(tables)
    table = np.concatenate([np.full(len(t.stars), t.file.file, dtype=np.object_) for t in tables])
    clean = np.concatenate([t.clean for t in tables])
    velocity = stars.numeric["rv_kms"]
    kept, cuts = np.ones(len(stars), dtype=np.bool_), list[Cut]()

    def leave_out(name: str, bad: NDArray[np.bool_], reason: str) -> None:
        cuts.append(Cut(name=name, rows=int(np.sum(bad & kept)), reason=reason))
        kept[bad] = False

    leave_out("no_velocity", np.isnan(velocity), "rv_kms is missing")
    leave_out("invalid", ~validate(stars)[0], "a value outside the allowed range of its column, or no position")
    leave_out("impossible_velocity", np.abs(velocity) > ESCAPE_KMS, f"|rv_kms| above {ESCAPE_KMS:g} km/s")
    leave_out(
        "duplicate",
        duplicates(stars, table, kept),
        f"a fuller row of the same table lies within {DUPLICATE_ARCSEC:g} arcsec",
    )
    if kept.sum() < FEWEST_STARS:
        raise AstroScaleError(
            "bad_training_data", f"{kept.sum()} usable stars are left; at least {FEWEST_STARS} are needed"
        )
    if np.ptp(velocity[kept]) == 0.0:
        raise AstroScaleError("bad_training_data", "all stars have the same rv_kms: there is nothing to learn")
    survey = np.array([s or "unknown" for s in stars.survey], dtype=np.object_)
    return TrainingStars(
        stars=stars.take(kept),
        velocity=velocity[kept],
        survey=survey[kept],
        table=table[kept],
        clean=clean[kept],
        same_star=same_star(stars.take(kept)),
        files=tuple(t.file for t in tables),
        cuts=tuple(cuts),
    )


def duplicates(stars: Observations, table: NDArray[np.object_], among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool [N]: stars with a fuller row within 3 arcsec in their own table (object [N]), of those in `among` (bool [N]).

    The row with the most values stays, of equals the first.
    """
    out = np.zeros(len(stars), dtype=np.bool_)
    rows = np.flatnonzero(among)
    values = np.sum([~np.isnan(stars.numeric[c.name][rows]) for c in INPUTS], axis=0)
    for left, right in _pairs(stars.take(rows)):
        if table[rows[left]] == table[rows[right]] and not out[rows[left]] and not out[rows[right]]:
            # left < right, so that of equals the later goes.
            out[rows[right if values[right] <= values[left] else left]] = True
    return out


def same_star(stars: Observations) -> NDArray[np.intp]:
    """int [N]: the number of the star of each row; rows within 3 arcsec of each other are one star."""
    pairs = np.array(_pairs(stars), dtype=np.intp).reshape(-1, 2)
    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(stars), len(stars)))
    return connected_components(links, directed=False)[1].astype(np.intp)


def _pairs(stars: Observations) -> list[tuple[int, int]]:
    ra, dec = (np.deg2rad(stars.numeric[name]) for name in ("ra", "dec"))
    points = np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    chord = 2.0 * np.sin(np.deg2rad(DUPLICATE_ARCSEC / 3600.0) / 2.0)
    return sorted(KDTree(points).query_pairs(chord))


def _concatenate(tables: list[Table]) -> Observations:
    return from_columns(
        {c.name: np.concatenate([t.stars.numeric[c.name] for t in tables]) for c in NUMERIC},
        source_id=np.concatenate([t.stars.source_id for t in tables]),
        survey=np.concatenate([t.stars.survey for t in tables]),
    )
