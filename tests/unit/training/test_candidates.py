"""What every candidate keeps, and what is particular to some."""

from dataclasses import replace

import numpy as np
import pytest
from astroscale_training.candidates import CANDIDATES, STACK
from astroscale_training.candidates.base import Candidate, Sample
from astroscale_training.candidates.kinematic_linear import CANDIDATE as LINEAR
from astroscale_training.candidates.original import CANDIDATE as ORIGINAL
from astroscale_training.candidates.original import SEVEN
from astroscale_training.candidates.search import searched_trees
from astroscale_training.candidates.survey_mean import CANDIDATE as SURVEY_MEAN
from astroscale_training.folds import learning_share
from astroscale_training.settings import TrainingSettings

from tests.unit.training.samples import sample

SETTINGS = TrainingSettings(waves=16, workers=1)


@pytest.fixture(scope="module")
def split() -> tuple[Sample, Sample]:
    stars = sample()
    kept = learning_share(stars.same_star, 0.75, seed=1)
    return stars.take(kept), stars.take(~kept)


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda c: c.name)
def test_predicts_every_star_without_seeing_what_it_must_not(
    candidate: Candidate, split: tuple[Sample, Sample]
) -> None:
    training, held = split
    predict = candidate.fit(training, SETTINGS)

    said = predict(held)

    assert said.shape == (len(held),)
    assert np.isfinite(said).all()
    blind = replace(held, velocity=np.full(len(held), np.nan))
    np.testing.assert_array_equal(predict(blind), said)
    if candidate.ships:
        np.testing.assert_array_equal(predict(replace(blind, survey=np.full(len(held), "never seen", object))), said)
    np.testing.assert_array_equal(candidate.fit(training, SETTINGS)(held), said)


@pytest.mark.parametrize(
    "candidate", [c for c in CANDIDATES if c.name not in ("constant", "survey mean")], ids=lambda c: c.name
)
def test_learns_something(candidate: Candidate) -> None:
    stars = sample(1_500)
    kept = learning_share(stars.same_star, 0.75, seed=1)
    held = stars.take(~kept)

    said = candidate.fit(stars.take(kept), SETTINGS)(held)

    assert np.mean((held.velocity - said) ** 2) < 0.9 * np.var(held.velocity)


def test_a_survey_that_was_not_seen_gets_the_mean_of_all_and_its_candidate_cannot_ship(
    split: tuple[Sample, Sample],
) -> None:
    training, held = split
    strangers = replace(held, survey=np.full(len(held), "never seen", dtype=np.object_))

    assert not SURVEY_MEAN.ships
    assert SURVEY_MEAN.fit(training, SETTINGS)(strangers) == pytest.approx(training.velocity.mean())


def test_the_original_fills_what_is_missing_with_the_median(split: tuple[Sample, Sample]) -> None:
    training, held = split
    predict = ORIGINAL.fit(training, SETTINGS)
    filled = held.raw.copy()
    filled[:, SEVEN] = np.nanmedian(training.raw[:, SEVEN], axis=0)
    blank = np.where(np.isin(np.arange(held.raw.shape[1]), SEVEN), np.nan, held.raw)

    np.testing.assert_array_equal(predict(replace(held, raw=blank)), predict(replace(held, raw=filled)))


def test_trees_do_without_a_column_that_no_star_has(split: tuple[Sample, Sample]) -> None:
    training, _ = split
    inputs = training.raw.copy()
    inputs[:, 5] = np.nan

    trees = searched_trees(training, inputs, training.velocity, np.ones(len(training)), seed=0)

    inputs[:, 5] = 1e9
    without = trees(inputs)
    inputs[:, 5] = np.nan
    np.testing.assert_array_equal(trees(inputs), without)


def test_copies_stay_with_their_stars(split: tuple[Sample, Sample]) -> None:
    stars = sample()
    chosen = np.arange(len(stars)) % 7 == 0

    taken = stars.take(chosen)

    assert len(taken) == chosen.sum()
    assert taken.rows.natural.sum() == len(taken)
    assert (~taken.rows.natural).any()
    # Right ascension and declination are never taken away, so a copy shows whose it is.
    np.testing.assert_array_equal(taken.rows.features[:, :2], taken.features[taken.rows.star, :2])


def test_an_inner_split_keeps_the_rows_of_a_star_together() -> None:
    stars = sample()
    twins = replace(stars, same_star=np.arange(len(stars)) // 2)

    kept = learning_share(twins.same_star, 0.5, seed=0)

    np.testing.assert_array_equal(kept[0::2], kept[1::2])
    assert 0.3 < kept.mean() < 0.7


def test_the_stack_gives_nothing_to_a_part_that_knows_nothing(split: tuple[Sample, Sample]) -> None:
    training, _ = split
    # The opposite of a guess is of no use to a sum without negative weights.
    worst = Candidate("worst", lambda given, settings: lambda stars: -LINEAR.fit(given, settings)(stars))

    weights = STACK.weigh((LINEAR, worst), training, SETTINGS)

    assert weights[0] == pytest.approx(1.0, abs=0.15)
    assert weights[1] == 0.0
