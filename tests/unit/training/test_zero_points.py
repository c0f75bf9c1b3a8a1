"""Offsets between surveys are measured, said, and taken out only when asked for, and once."""

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from astroscale_shared.registry import ModelCard
from astroscale_training.failures import known_failures
from astroscale_training.fit import HeldOut
from astroscale_training.markdown import render
from astroscale_training.report import print_card
from astroscale_training.settings import TrainingSettings
from astroscale_training.sources import command, load
from astroscale_training.zero_points import ZeroPoint, correct, measure
from rich.console import Console

SHIFT_KMS = 4.0


def silent(_step: str) -> None:
    return None


def write(folder: Path, survey: str, ra: np.ndarray, velocity: np.ndarray, *, tail: str = "") -> Path:
    lines = [f"{a:.5f},{(i * 7) % 80},{v:.3f},{survey}" for i, (a, v) in enumerate(zip(ra, velocity, strict=True))]
    path = folder / f"{survey}.csv"
    path.write_text("\n".join(["ra,dec,rv_kms,survey", *lines, tail]).strip() + "\n", "utf-8")
    return path


def two_surveys(folder: Path, in_common: int = 60) -> TrainingSettings:
    """A: 300 stars. B: 200, of which some are A's, 4 km/s below; one in ten of them is a binary."""
    rng = np.random.default_rng(0)
    ra, velocity = np.arange(300) * 1.1, rng.normal(0.0, 30.0, 300)
    noise = rng.normal(0.0, 0.5, in_common) + np.where(np.arange(in_common) % 10 == 0, 80.0, 0.0)
    other_ra = np.concatenate([ra[:in_common] + 0.0002, np.arange(in_common, 200) * 1.1 + 0.5])
    other = np.concatenate([velocity[:in_common] + noise, rng.normal(0.0, 30.0, 200 - in_common)]) - SHIFT_KMS
    return TrainingSettings(tables=(write(folder, "A", ra, velocity), write(folder, "B", other_ra, other)))


def by_survey(zero_points: tuple[ZeroPoint, ...]) -> dict[str, ZeroPoint]:
    return {z.survey: z for z in zero_points}


def test_stars_in_common_show_the_offset_and_binaries_do_not_move_it(tmp_path: Path) -> None:
    found = by_survey(measure(load(two_surveys(tmp_path), silent)[0]))
    for survey, sign in (("A", 1.0), ("B", -1.0)):
        offset, error = found[survey].offset_kms, found[survey].offset_error_kms
        assert offset is not None
        assert error is not None
        assert found[survey].in_common == 60
        assert 0.0 < error < 0.3
        assert offset == pytest.approx(sign * SHIFT_KMS, abs=3 * error)


def test_what_the_fit_leaves_over_shows_an_offset_where_surveys_share_their_sky(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    ra = np.arange(600) * 0.6
    apart = np.where(np.arange(600) % 6 == 0, 20.0, 0.0)
    velocity = rng.normal(0.0, 5.0, 600) + apart
    tables = (
        write(tmp_path, "A", ra[apart == 0], velocity[apart == 0]),
        write(tmp_path, "B", ra[apart > 0] + 0.1, velocity[apart > 0]),
    )
    found = by_survey(measure(load(TrainingSettings(tables=tables), silent)[0]))
    assert (found["B"].in_common, found["B"].offset_kms, found["B"].offset_error_kms) == (0, None, None)
    assert found["B"].residual_error_kms is not None
    assert found["B"].residual_kms > 5 * found["B"].residual_error_kms


def test_nothing_is_corrected_unless_asked_for(tmp_path: Path) -> None:
    settings = two_surveys(tmp_path)
    as_it_is, said = load(settings, silent)
    assert {z["survey"]: z["corrected_kms"] for z in said["zero_points"]} == {"A": 0.0, "B": 0.0}
    asked, said = load(settings.model_copy(update={"correct_zero_points": True}), silent)
    corrected = {z["survey"]: z["corrected_kms"] for z in said["zero_points"]}
    assert corrected == {"A": 0.0, "B": pytest.approx(-SHIFT_KMS, abs=0.3)}, "an offset is taken out of one of two"
    moved = asked.velocity - as_it_is.velocity
    assert np.allclose(moved[asked.survey == "A"], 0.0)
    assert np.allclose(moved[asked.survey == "B"], -corrected["B"], atol=1e-3)
    assert np.array_equal(asked.stars.numeric["rv_kms"], asked.velocity)
    again = by_survey(measure(asked))["B"].offset_kms
    assert again == pytest.approx(0.0, abs=1e-9)
    remaining = {z["survey"]: z["remaining_kms"] for z in said["zero_points"]}
    assert remaining == {"A": pytest.approx(0.0, abs=1e-3), "B": pytest.approx(0.0, abs=1e-3)}


def test_a_failure_is_what_lies_apart_in_the_velocities_that_are_learnt_from(tmp_path: Path) -> None:
    settings = two_surveys(tmp_path)
    for correct_them, apart in ((False, ["A lies +", "B lies -"]), (True, [])):
        asked = settings.model_copy(update={"correct_zero_points": correct_them})
        data, said = load(asked, silent)
        n = len(data)
        held = HeldOut(data.velocity, data.velocity[:, None] + np.linspace(-1.0, 1.0, 5), np.arange(n) % 3)
        failures = known_failures(data, held, np.zeros(n, dtype=np.bool_), {}, (), said["zero_points"])
        assert [f[:8] for f in failures if "in common" in f] == apart


def test_few_stars_in_common_are_not_enough_to_correct_by(tmp_path: Path) -> None:
    data, _ = load(two_surveys(tmp_path, in_common=30), silent)
    measured = measure(data)
    corrected, said = correct(data, measured)
    assert said == measured
    assert np.array_equal(corrected.velocity, data.velocity)


def test_the_run_says_what_was_cut_converted_and_missing(tmp_path: Path) -> None:
    path = write(tmp_path, "A", np.arange(300) * 1.1, np.arange(300) - 100.0, tail="5,5,700,A")
    steps: list[str] = []
    data, said = load(TrainingSettings(tables=(path,)), steps.append)
    assert len(data) == 300
    assert steps[0] == "left out 1: |rv_kms| above 600 km/s"
    assert "no star has parallax: the model cannot use it" in steps
    assert said["notes"] == list(data.notes)


def test_the_card_has_the_command_and_no_path(tmp_path: Path) -> None:
    settings = TrainingSettings(tables=(tmp_path / "my.fits",), correct_zero_points=True, normalization="none")
    assert command(settings) == "astroscale train --table my.fits --correct-zero-points --normalization none"
    assert command(TrainingSettings()) == "uv run python -m astroscale_training train"
    assert str(tmp_path) not in settings.model_dump_json()


def test_terminal_and_page_show_what_the_card_says(tmp_path: Path, card: ModelCard) -> None:
    zero_points = load(two_surveys(tmp_path), silent)[1]["zero_points"]
    shown = card.model_copy(update={"extra": {"zero_points": zero_points}})
    console = Console(width=100, file=StringIO(), record=True)
    print_card(shown, console)
    text = console.export_text()
    for row in zero_points:
        offset = f"{row['offset_kms']:+.2f} ± {row['offset_error_kms']:.2f}"
        assert offset in text
        assert offset in render(shown, {})
