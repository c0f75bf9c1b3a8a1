"""All candidates on the same folds, and the rule that names the winner.

The rule, written before any figure was seen: a candidate's score is the mean over the tables of the mean of its R2 on
shuffled folds and on sky-block folds. Of the candidates that the product can serve, the best has the highest score; of
those whose score is within one standard error of the best, the simplest in the declared order of complexity wins. The
standard error is that of the difference to the best over the folds, which are the same for all.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from astroscale_training.candidates import CANDIDATES, STACK
from astroscale_training.candidates.base import Candidate, Floats, Mask, Sample, Stack
from astroscale_training.candidates.recipe import SHIPPED
from astroscale_training.evaluate import r2, within_surveys
from astroscale_training.parallel import side_by_side
from astroscale_training.settings import TrainingSettings
from astroscale_training.tables import CLEAN, table_name

RULE: Final = (
    "Score: mean over tables of (shuffled R2 + sky-block R2) / 2. The winner is the simplest candidate within one standard "
    "error (of the difference, over folds) of the best score."
)
WITHIN_SURVEYS: Final = "within surveys"
FOLDINGS: Final = ("shuffled", "sky_block")
FEWEST: Final = 50

Folds = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Standing:
    """How one candidate did. r2: by folding, then by `table NAME`, `clean` and `within surveys`. alone: fitted on each table by
    itself. standard_error: of its score's difference to the best. fit_seconds: of one core, of one fit; None where its
    held-out values were known already."""

    name: str
    score: float
    standard_error: float
    r2: dict[str, dict[str, float]]
    ships: bool
    alone: bool
    fit_seconds: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """standings: in the order of complexity. best has the highest score; winner is named by the rule."""

    standings: tuple[Standing, ...]
    best: str
    winner: str
    shipped: str = SHIPPED
    rule: str = RULE

    @property
    def agrees(self) -> bool:
        """Whether what ships is what the rule names."""
        return self.winner == self.shipped

    @property
    def verdict(self) -> str:
        """One sentence for people."""
        if self.agrees:
            return f"The rule names {self.winner}, which is the recipe that ships."
        return f"The rule names {self.winner}, but the recipe that ships is {self.shipped}."

    def as_dict(self) -> dict[str, Any]:
        """For the card's `extra["comparison"]`."""
        return asdict(self) | {"agrees": self.agrees, "verdict": self.verdict}


@dataclass(frozen=True, slots=True)
class Held:
    """What a candidate says of each star held out, float64 [N] km/s: `clean` is that of fits for the clean stars where
    the candidate is fitted table by table, else the same."""

    value: Floats
    clean: Floats
    seconds: float | None = None


def compare(
    sample: Sample,
    folds: Mapping[str, Folds],
    settings: TrainingSettings,
    known: Mapping[str, Mapping[str, Floats]] | None = None,
    candidates: tuple[Candidate, ...] = CANDIDATES,
    stack: Stack | None = STACK,
) -> Comparison:
    """Fit every candidate without each fold of each folding, and judge them.

    folds: a fold for each star, int [N], by the names of `FOLDINGS`. known: by candidate and folding, values float64 [N]
    that are held out already (those of the shipped recipe in a training run) and need no second fit.
    """
    made = {name: hold_out(sample, folds[name], settings, _known(known, name), candidates, stack) for name in FOLDINGS}
    ships = {c.name: (c.ships, c.alone) for c in candidates} | ({stack.name: (True, False)} if stack else {})
    loss = {name: [fold_scores(sample, made[folding][name], folds[folding]) for folding in FOLDINGS] for name in ships}
    scores = {name: float(np.mean([by.mean() for by in parts])) for name, parts in loss.items()}
    best = max((name for name in ships if ships[name][0]), key=lambda name: scores[name])
    standings = tuple(
        Standing(
            name,
            scores[name],
            _standard_error(loss[name], loss[best]),
            {folding: _figures(sample, made[folding][name]) for folding in FOLDINGS},
            *ships[name],
            made["shuffled"][name].seconds,
        )
        for name in ships
    )
    return Comparison(standings, best, winner(standings, best))


def winner(standings: tuple[Standing, ...], best: str) -> str:
    """The name that the rule gives; standings in the order of complexity, the simplest first."""
    goal = next(s.score for s in standings if s.name == best)
    return next(s.name for s in standings if s.ships and goal - s.score <= s.standard_error)


def hold_out(
    sample: Sample,
    fold: Folds,
    settings: TrainingSettings,
    known: Mapping[str, Floats] | None = None,
    candidates: tuple[Candidate, ...] = CANDIDATES,
    stack: Stack | None = STACK,
) -> dict[str, Held]:
    """Values of every candidate held out by folds int [N], by name; `known` and the rest as in `compare`."""
    known = known or {}

    def one(number: int) -> dict[str, Held]:
        training, held = sample.take(fold != number), sample.take(fold == number)
        out = {name: Held(value[fold == number], value[fold == number]) for name, value in known.items()}
        with threadpool_limits(limits=1):
            out |= {c.name: held_by(c, training, held, settings) for c in candidates if c.name not in known}
            if stack:
                began = time.process_time()
                weights = stack.weigh(stack.parts, training, settings)
                value = np.column_stack([out[part.name].value for part in stack.parts]) @ weights
                out[stack.name] = Held(value, value, time.process_time() - began)
        return out

    numbers: list[int] = np.unique(fold).tolist()
    parts = side_by_side(one, numbers, settings.workers)
    return {name: _joined(fold, numbers, [part[name] for part in parts]) for name in parts[0]}


def held_by(candidate: Candidate, training: Sample, held: Sample, settings: TrainingSettings) -> Held:
    """What a candidate, fitted on `training`, says of `held`; table by table where it is one for each."""
    began = time.process_time()
    if not candidate.alone:
        value = candidate.fit(training, settings)(held)
        return Held(value, value, time.process_time() - began)
    value, clean = np.full(len(held), np.nan), np.full(len(held), np.nan)
    for name in sorted(set(held.table.tolist())):
        asked = held.table == name
        value[asked] = candidate.fit(_enough(training, training.table == name), settings)(held.take(asked))
    seconds = time.process_time() - began
    if held.clean.any():
        clean[held.clean] = candidate.fit(_enough(training, training.clean), settings)(held.take(held.clean))
    return Held(value, clean, seconds)


def _enough(training: Sample, chosen: Mask) -> Sample:
    """Those stars; all where they are too few to learn from, as when a fold holds a table's whole patch of the sky."""
    return training.take(chosen) if chosen.sum() >= FEWEST else training


def parts(sample: Sample) -> dict[str, Mask]:
    """bool [N] each: the tables, as `table NAME`, which no other part is called."""
    return {f"table {table_name(name)}": sample.table == name for name in sorted(set(sample.table.tolist()))}


def fold_scores(sample: Sample, held: Held, fold: Folds) -> Floats:
    """float64 [folds]: mean over tables of 1 - (error in the fold / variance of the table); their mean over folds is
    the R2, the mean over tables."""
    numbers = np.unique(fold)
    out = np.zeros((len(numbers), 0))
    for rows in parts(sample).values():
        variance = max(float(sample.velocity[rows].var()), 1e-12)
        share = [
            np.sum((sample.velocity - held.value)[rows & (fold == n)] ** 2) / rows.sum() * len(numbers) for n in numbers
        ]
        out = np.column_stack([out, 1.0 - np.array(share) / variance])
    return out.mean(axis=1)


def _figures(sample: Sample, held: Held) -> dict[str, float]:
    out = {name: r2(sample.velocity[rows], held.value[rows]) for name, rows in parts(sample).items()}
    if sample.clean.any():
        out[CLEAN] = r2(sample.velocity[sample.clean], held.clean[sample.clean])
    return out | {WITHIN_SURVEYS: within_surveys(sample.velocity, held.value, sample.survey)}


def _standard_error(of: list[Floats], best: list[Floats]) -> float:
    squares = [np.var(a - b, ddof=1) / len(a) for a, b in zip(of, best, strict=True)]
    return float(np.sqrt(np.sum(squares)) / len(squares))


def _known(known: Mapping[str, Mapping[str, Floats]] | None, folding: str) -> dict[str, Floats]:
    return {name: by[folding] for name, by in (known or {}).items()}


def _joined(fold: Folds, numbers: list[int], by_fold: list[Held]) -> Held:
    value, clean = np.empty(len(fold)), np.empty(len(fold))
    for number, held in zip(numbers, by_fold, strict=True):
        value[fold == number], clean[fold == number] = held.value, held.clean
    seconds = [held.seconds for held in by_fold if held.seconds is not None]
    return Held(value, clean, float(np.mean(seconds)) if seconds else None)
