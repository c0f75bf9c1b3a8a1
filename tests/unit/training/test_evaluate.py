"""Figures of the card are what they say: by group, over unseen sky, and beyond what a survey's mean explains."""

from typing import Any

import numpy as np
import pytest
from astroscale_shared.registry import Calibration
from astroscale_training.effects import learn
from astroscale_training.evaluate import Sky, accuracy, r2
from astroscale_training.failures import known_failures
from astroscale_training.fit import HeldOut
from astroscale_training.groups import groups_of
from astroscale_training.intervals import broken_promises, coverage, kept, sharpness, width_of_constant
from astroscale_training.prepare import TrainingStars

from tests.unit.training.samples import training_stars

N = 800


@pytest.fixture(scope="module")
def stars() -> TrainingStars:
    return training_stars(N)


def held(stars: TrainingStars, value: Any, half_width: Any = 50.0) -> HeldOut:
    """The same for all five quantiles of a normal distribution, as half a 90 % interval goes."""
    steps = np.array([-1.0, -0.604, 0.0, 0.604, 1.0])
    half = np.broadcast_to(half_width, len(stars))
    return HeldOut(value, value[:, None] + half[:, None] * steps, np.arange(len(stars)) % 4)


def test_groups_are_those_with_enough_stars(stars: TrainingStars) -> None:
    labels = {g.label: int(g.rows.sum()) for g in groups_of(stars, 50)}
    assert labels["all"] == N
    assert labels["clean"] == int(stars.clean.sum())
    assert labels["table even"] == labels["survey A"] == N // 2
    assert labels["[Fe/H] missing"] == int(np.isnan(stars.stars.numeric["fe_h"]).sum())
    assert sum(n for label, n in labels.items() if label.startswith("[Fe/H]")) <= N
    bins = [g.rows for g in groups_of(stars, 0) if g.kind == "[Fe/H]"]
    assert np.array_equal(np.sum(bins, axis=0), np.ones(N)), "each star is in one bin of metallicity"
    assert all(g.rows.sum() >= 300 for g in groups_of(stars, 300))


def test_each_figure_is_of_its_own_stars_and_protocol(stars: TrainingStars) -> None:
    rng = np.random.default_rng(0)
    value, sky_value = (stars.velocity + rng.normal(0.0, s, N) for s in (10.0, 20.0))
    metrics = accuracy(stars, held(stars, value), Sky(sky_value, np.arange(N) % 3))
    odd = stars.survey == "B"
    assert metrics["r2"].value == pytest.approx(r2(stars.velocity, value))
    assert metrics["r2 survey B"].value == pytest.approx(r2(stars.velocity[odd], value[odd]))
    assert metrics["r2 survey B"].rows == int(odd.sum())
    assert metrics["r2_sky_block clean"].value == pytest.approx(r2(stars.velocity[stars.clean], sky_value[stars.clean]))
    assert metrics["r2_sky_block"].value < metrics["r2"].value
    assert metrics["rmse_kms"].value == pytest.approx(10.0, rel=0.1)
    by_fold = [r2(stars.velocity[f::4], value[f::4]) for f in range(4)]
    assert metrics["r2"].spread == pytest.approx(np.std(by_fold, ddof=1), rel=0.2)


def test_a_survey_mean_explains_nothing_within_surveys(stars: TrainingStars) -> None:
    velocity = stars.velocity + np.where(stars.survey == "A", 100.0, 0.0)
    shifted = TrainingStars(
        stars.stars, velocity, stars.survey, stars.table, stars.clean, stars.same_star, stars.files, stars.cuts
    )
    means = np.where(stars.survey == "A", velocity[stars.survey == "A"].mean(), velocity[stars.survey == "B"].mean())
    metrics = accuracy(shifted, held(shifted, means), Sky(means, np.arange(N) % 3))
    assert metrics["r2"].value > 0.4
    assert metrics["r2"].value == pytest.approx(metrics["r2_of_survey_means"].value)
    assert metrics["r2_within_surveys"].value == pytest.approx(0.0, abs=1e-9)
    assert metrics["r2_sky_block_within_surveys"].value == pytest.approx(0.0, abs=1e-9)
    assert "r2_within_surveys survey A" not in metrics, "one survey has nothing to be within"


def test_intervals_are_counted_by_group_and_level(fitted: Any) -> None:
    n = len(fitted.data)
    truth, said = fitted.data.velocity, fitted.held.quantiles
    rows = coverage(fitted.data, fitted.rows, fitted.held, Sky(fitted.held.value[:n], fitted.fold))
    found = {(row.pattern, row.level): row for row in rows}
    inside = (said[:n, 0] <= truth) & (truth <= said[:n, -1])
    assert found["as observed: all", 0.9].coverage == pytest.approx(inside.mean())
    inner = (said[:n, 1] <= truth) & (truth <= said[:n, 3])
    assert found["as observed: all", 0.68].coverage == pytest.approx(inner.mean())
    assert found["as observed: all", 0.68].mean_width_kms < found["as observed: all", 0.9].mean_width_kms
    assert found["unseen sky: all", 0.9].coverage == pytest.approx(inside.mean()), "the same values, so the same"
    taken = [row for row in rows if row.pattern.startswith("inputs taken away") and row.level == 0.9]
    assert 0 < sum(row.rows for row in taken) <= (~fitted.rows.natural).sum()
    assert min(row.rows for row in rows) >= 200


def test_other_values_over_the_sky_move_the_interval(fitted: Any) -> None:
    n = len(fitted.data)
    rows = coverage(fitted.data, fitted.rows, fitted.held, Sky(fitted.held.value[:n] + 1_000.0, fitted.fold))
    found = {(row.pattern, row.level): row.coverage for row in rows}
    assert found["unseen sky: all", 0.9] == 0.0 < found["as observed: all", 0.9]


def row(coverage: float, rows: int, level: float = 0.9) -> Calibration:
    return Calibration(pattern="table: x", rows=rows, level=level, coverage=coverage, mean_width_kms=100.0)


@pytest.mark.parametrize(
    ("coverage", "rows", "good"),
    [(0.925, 10_000, True), (0.935, 10_000, False), (0.865, 10_000, False), (0.935, 250, True), (0.95, 250, False)],
)
def test_a_promise_is_kept_within_three_points_or_two_errors(coverage: float, rows: int, good: bool) -> None:
    assert kept(row(coverage, rows)) is good
    assert broken_promises((row(coverage, rows), row(0.5, rows, level=0.68))) == ([] if good else [row(coverage, rows)])


def test_width_pays_where_it_knows_which_stars_scatter() -> None:
    rng = np.random.default_rng(0)
    scale = np.where(np.arange(20_000) % 2, 10.0, 100.0)
    truth, value = scale * rng.normal(size=20_000), np.zeros(20_000)
    knowing = scale[:, None] * np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    ratio = width_of_constant(truth, value, knowing)
    # 90 % of each half: 1.645 (10 + 100) / 2; of all at once: 80 % of the wide half and all of the other.
    assert ratio == pytest.approx(1.645 * 55.0 / (1.2816 * 100.0), rel=0.03)
    assert width_of_constant(truth, value, 7.0 * knowing) == pytest.approx(ratio), "both are brought to the same level"
    flat = np.array([[-2.0, -1.0, 0.0, 1.0, 2.0]]) * np.ones((20_000, 1))
    assert width_of_constant(truth, value, flat) == pytest.approx(1.0)


def test_tail_probabilities_are_uniform_for_the_true_distribution_only(stars: TrainingStars) -> None:
    rng = np.random.default_rng(0)
    value = stars.velocity + rng.normal(0.0, 20.0, N)
    true = sharpness(stars, held(stars, value, 1.645 * 20.0))
    wide = sharpness(stars, held(stars, value, 3.0 * 1.645 * 20.0))
    assert true["tail_ks"].value < 0.06 < 0.3 < wide["tail_ks"].value
    assert true["width_of_constant"].value == pytest.approx(1.0, abs=0.05)
    assert {"tail_ks table even", "tail_ks clean"} <= true.keys()


def test_more_stars_and_the_position_help(fitted: Any, small: Any) -> None:
    curve, effects = learn(fitted.data, fitted.rows, fitted.fold, small.model_copy(update={"waves": 32}))
    assert [point["stars"] for point in curve] == [int((fitted.fold != 0).sum())], "there are 300, which is all"
    assert curve[-1]["r2"]["all"] > 0.1
    lost = {name: by_group["all"] for name, by_group in effects.items()}
    assert max(lost, key=lambda name: lost[name]) in ("position", "proper motion")
    assert lost["position"] > 0.05 > abs(lost["snr"])


def test_failures_are_said_with_figures(stars: TrainingStars) -> None:
    value = stars.velocity + np.where(stars.survey == "A", 25.0, 0.0)
    of_stars = held(stars, value)
    metrics = accuracy(stars, of_stars, Sky(value, np.arange(N) % 3))
    zero_points = [
        {"survey": s, "remaining_kms": o, "remaining_error_kms": 0.4, "in_common": n, "corrected_kms": 0.0}
        for s, o, n in (("A", -5.2, 60), ("C", None, 0), ("D", 0.9, 60))
    ]
    said = known_failures(stars, of_stars, np.arange(N) < 40, metrics, (row(0.80, 500), row(0.9, 500)), zero_points)
    text = "\n".join(said)
    assert "A lies -25.0 +- 0.0 km/s from the model" in text
    assert "A lies -5.2 +- 0.4 km/s from other surveys in the median of 60 stars in common, not corrected." in text
    assert not [s for s in said if s.startswith(("C lies", "D lies"))]
    assert 'holds 80.0% of 500 rows of the group "table: x"' in text
    assert text.count("The 90 % interval holds") == 1
    assert "predicted with R2" not in text, "sky that was not seen is no worse here"
    noise = np.where(stars.table == "odd.csv", 40.0, 0.0) * np.random.default_rng(0).normal(size=N)
    metrics = accuracy(stars, of_stars, Sky(value + noise, np.arange(N) % 3))
    said = known_failures(stars, of_stars, np.arange(N) < 40, metrics, (), [])
    assert [s.split(" are predicted")[0] for s in said if "predicted with R2" in s] == ["Stars of odd"]
    assert "Stars far from all others (flag `extrapolated`): 40 in training" in text


def test_far_from_all_others_the_interval_is_judged_as_it_was_measured(stars: TrainingStars) -> None:
    novel = np.arange(N) < 40
    metrics = accuracy(stars, held(stars, stars.velocity), Sky(stars.velocity, np.arange(N) % 3))
    for share, said in (
        (1, "holding 0.0%: the promise is broken."),
        (10, "holding 90.0%."),
        (99, ", more than promised."),
    ):
        off = np.where(np.arange(N) % share == share - 1, 1e3, 0.0)
        failures = known_failures(stars, held(stars, stars.velocity + off), novel, metrics, (), [])
        assert [f.endswith(said) for f in failures if "`extrapolated`" in f] == [True]
