"""The same folds for all, the written rule, and the comparison as a figure."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astroscale_training import compare_report
from astroscale_training.candidates.base import Candidate, Floats, Predict, Sample, Stack
from astroscale_training.candidates.constant import CANDIDATE as CONSTANT
from astroscale_training.candidates.kinematic_linear import CANDIDATE as LINEAR
from astroscale_training.candidates.original import CANDIDATE as ORIGINAL
from astroscale_training.candidates.recipe import SHIPPED
from astroscale_training.candidates.survey_mean import CANDIDATE as SURVEY_MEAN
from astroscale_training.compare import Comparison, Held, Standing, compare, fold_scores, hold_out, winner
from astroscale_training.evaluate import r2
from astroscale_training.folds import shuffled_folds, sky_folds
from astroscale_training.settings import TrainingSettings

from tests.unit.training.samples import sample, training_stars

SETTINGS = TrainingSettings(waves=16, workers=1)


def standing(name: str, score: float, standard_error: float = 0.0, *, ships: bool = True) -> Standing:
    return Standing(name, score, standard_error, {}, ships, alone=False, fit_seconds=None)


def recall(given: Sample, settings: TrainingSettings) -> Predict:
    """Knows each training star's velocity by heart, and nothing else."""
    known = {tuple(row): v for row, v in zip(given.raw[:, :2].tolist(), given.velocity.tolist(), strict=True)}
    return lambda stars: np.array([known.get(tuple(row), 0.0) for row in stars.raw[:, :2].tolist()])


def halves(parts: tuple[Candidate, ...], given: Sample, settings: TrainingSettings) -> Floats:
    return np.full(len(parts), 0.5)


HALF = Stack("half", (LINEAR, CONSTANT), halves)


@pytest.fixture(scope="module")
def stars() -> Sample:
    return sample()


@pytest.fixture(scope="module")
def folds() -> dict[str, np.ndarray]:
    data = training_stars()
    ra, dec = data.stars.numeric["ra"], data.stars.numeric["dec"]
    return {
        "shuffled": shuffled_folds(data.same_star, 3, seed=0),
        "sky_block": sky_folds(ra, dec, data.same_star, 3, seed=0),
    }


@pytest.fixture(scope="module")
def comparison(stars: Sample, folds: dict[str, np.ndarray]) -> Comparison:
    return compare(stars, folds, SETTINGS, candidates=(CONSTANT, SURVEY_MEAN, LINEAR, ORIGINAL), stack=HALF)


def test_of_those_within_one_standard_error_the_simplest_wins() -> None:
    order = (standing("a", 0.30, 0.02), standing("b", 0.39, 0.02), standing("c", 0.40), standing("d", 0.395, 0.01))

    assert winner(order, best="c") == "b"


def test_a_clearly_better_candidate_wins_over_simpler_ones() -> None:
    assert winner((standing("a", 0.37, 0.02), standing("b", 0.40)), best="b") == "b"


def test_what_cannot_ship_never_wins() -> None:
    assert winner((standing("knows too much", 0.9, 1.0, ships=False), standing("b", 0.4)), best="b") == "b"


def test_no_candidate_is_judged_on_stars_that_it_has_seen(stars: Sample, folds: dict[str, np.ndarray]) -> None:
    held = hold_out(stars, folds["shuffled"], SETTINGS, candidates=(Candidate("recall", recall),), stack=None)

    # It would be perfect on any star of its training sample.
    assert (held["recall"].value == 0.0).all()


def test_held_out_values_are_those_of_a_fit_without_the_fold(stars: Sample, folds: dict[str, np.ndarray]) -> None:
    fold = folds["sky_block"]

    held = hold_out(stars, fold, SETTINGS, candidates=(LINEAR, CONSTANT), stack=HALF)

    second = fold == 1
    alone = LINEAR.fit(stars.take(~second), SETTINGS)(stars.take(second))
    np.testing.assert_allclose(held["kinematic linear"].value[second], alone)
    mean = stars.velocity[~second].mean()
    np.testing.assert_allclose(held["half"].value[second], 0.5 * alone + 0.5 * mean)


def test_the_original_is_fitted_table_by_table(stars: Sample, folds: dict[str, np.ndarray]) -> None:
    # Each table's velocities are moved by another amount: one model for both would not know by which.
    moved = replace(stars, velocity=stars.velocity + np.where(stars.table == "odd.csv", 1e4, 0.0))

    held = hold_out(moved, folds["shuffled"], SETTINGS, candidates=(ORIGINAL,), stack=None)

    assert np.abs(held["original boosting"].value - moved.velocity).max() < 1e3


def test_the_comparison_does_not_depend_on_the_workers(stars: Sample, folds: dict[str, np.ndarray]) -> None:
    two = SETTINGS.model_copy(update={"workers": 2})

    one, other = (hold_out(stars, folds["shuffled"], s, candidates=(LINEAR,), stack=None) for s in (SETTINGS, two))

    # Not to the last bit: where an array lies in memory decides how a sum over it is cut.
    np.testing.assert_allclose(one["kinematic linear"].value, other["kinematic linear"].value, rtol=1e-6)


def test_known_values_are_judged_as_they_are(stars: Sample, folds: dict[str, np.ndarray]) -> None:
    truth: dict[str, Floats] = dict.fromkeys(folds, stars.velocity)

    found = compare(stars, folds, SETTINGS, {LINEAR.name: truth}, candidates=(CONSTANT, LINEAR), stack=None)

    assert found.winner == LINEAR.name
    assert found.standings[1].score == pytest.approx(1.0)
    assert found.standings[1].fit_seconds is None


def test_the_score_is_the_r2_of_all_folds(stars: Sample, folds: dict[str, np.ndarray]) -> None:
    value = stars.velocity * 0.7

    scores = fold_scores(stars, Held(value, value), folds["shuffled"])

    tables = [r2(stars.velocity[rows], value[rows]) for rows in (stars.table == t for t in ("even.csv", "odd.csv"))]
    assert scores.mean() == pytest.approx(np.mean(tables), abs=1e-9)


def test_figures_are_given_by_table_for_clean_stars_and_within_surveys(comparison: Comparison) -> None:
    by_name = {s.name: s for s in comparison.standings}

    assert list(by_name) == ["constant", "survey mean", "kinematic linear", "original boosting", "half"]
    assert list(by_name["constant"].r2["sky_block"]) == ["table even", "table odd", "clean", "within surveys"]
    assert by_name["constant"].r2["shuffled"]["table even"] == pytest.approx(0.0, abs=0.02)
    assert comparison.best == "kinematic linear"
    assert by_name["kinematic linear"].standard_error == 0.0


def test_another_winner_than_what_ships_is_said(comparison: Comparison) -> None:
    assert comparison.shipped == SHIPPED
    assert not comparison.agrees
    assert SHIPPED in comparison.verdict
    assert replace(comparison, winner=SHIPPED).agrees
    said = json.loads(json.dumps(comparison.as_dict()))
    assert (said["winner"], said["agrees"]) == (comparison.winner, False)


def test_a_table_may_be_called_as_the_groups_are(stars: Sample, folds: dict[str, np.ndarray]) -> None:
    names = np.where(stars.table == "odd.csv", "within surveys.csv", "clean.csv").astype(object)

    found = compare(replace(stars, table=names), folds, SETTINGS, candidates=(CONSTANT,), stack=None)

    assert list(found.standings[0].r2["shuffled"]) == ["table clean", "table within surveys", "clean", "within surveys"]


def test_the_figure_is_the_same_bytes_again(comparison: Comparison, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        compare_report.draw(comparison, tmp_path / name)

    drawn = (tmp_path / "a.png").read_bytes()
    assert drawn.startswith(b"\x89PNG")
    assert drawn == (tmp_path / "b.png").read_bytes()
    assert 10_000 < len(drawn) < 150_000
