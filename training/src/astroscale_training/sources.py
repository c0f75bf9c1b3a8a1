"""Where a run's stars come from, as its settings say: a folder or named tables, checked, with their zero points."""

import shlex
from collections.abc import Callable
from typing import Any

from astroscale_training import zero_points
from astroscale_training.prepare import TrainingStars, prepare
from astroscale_training.settings import TrainingSettings
from astroscale_training.tables import read_folder, read_tables

Extra = dict[str, Any]


def load(settings: TrainingSettings, say: Callable[[str], None]) -> tuple[TrainingStars, Extra]:
    """The stars, and what the card says of their tables beside files and cuts.

    Raises AstroScaleError `no_training_data`, `bad_training_data`, `suspicious_units` or `not_installed`.
    """
    tables = read_tables(settings.tables) if settings.tables else read_folder(settings.data)
    data = prepare(tables, trust_units=settings.trust_units)
    measured = zero_points.measure(data)
    if settings.correct_zero_points:
        data, measured = zero_points.correct(data, measured)
    for cut in data.cuts:
        if cut.rows:
            say(f"left out {cut.rows}: {cut.reason}")
    for note in data.notes:
        say(note)
    return data, {"notes": list(data.notes), "zero_points": zero_points.to_card(measured)}


def command(settings: TrainingSettings) -> str:
    """The command of such a run, with the tables' names and no path."""
    options = [f"--table {shlex.quote(path.name)}" for path in settings.tables]
    options += ["--trust-units"] if settings.trust_units else []
    options += ["--correct-zero-points"] if settings.correct_zero_points else []
    options += [f"--normalization {settings.normalization}"] if settings.normalization != "standard" else []
    return " ".join(["astroscale train" if settings.tables else "uv run python -m astroscale_training train", *options])
