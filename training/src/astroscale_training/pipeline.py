"""The training run, step by step: prepare, features, fit, calibrate, export, parity, judge, card, publish."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from astroscale_shared.registry import ModelCard, ModelRef, Registry

from astroscale_training.card import build_card
from astroscale_training.export import export
from astroscale_training.features import training_rows
from astroscale_training.fit import fit_model
from astroscale_training.folds import shuffled_folds
from astroscale_training.judge import judge
from astroscale_training.parity import probe_rows, require_parity
from astroscale_training.settings import TrainingSettings
from astroscale_training.sources import load


def train(
    settings: TrainingSettings,
    *,
    out: Path,
    name: str,
    trained_at: datetime,
    say: Callable[[str], None],
    docs: Path | None = None,
    compare: bool = True,
) -> tuple[ModelRef, ModelCard]:
    """Fit the model on the tables of `settings` and publish it as `name` into the folder `out`.

    `say` is told each step. `docs`: a folder for model-card.md and figures/. `compare`: fit the other candidates too.
    Returns the card as it is stored. Raises AstroScaleError `no_training_data`, `bad_training_data`,
    `suspicious_units`, `bad_model_name`, `export_failed` or `parity_failed`; then nothing is published.
    """
    say("reading and checking the tables")
    data, of_tables = load(settings, say)
    rows = training_rows(data.stars, data.same_star, settings.masked_copies, settings.seed)
    say(f"fitting value and scale on {len(data)} stars, {len(rows.star)} rows, {settings.folds} folds")
    folds = shuffled_folds(data.same_star, settings.folds, settings.seed)
    model, held = fit_model(rows, data.velocity, data.survey, folds, settings)
    say("exporting and comparing with the graph")
    onnx = export(model, settings.normalization)
    probe = probe_rows(data.stars, settings.parity_rows, settings.seed)
    parity = require_parity(model, onnx, probe, settings.parity_tolerance_kms)
    judged = judge(data, rows, model, held, folds, settings, of_tables, say, compare=compare)
    card = build_card(data, rows.features[: len(data)], settings, parity, judged, trained_at, of_tables)
    registry = Registry(out)
    ref = registry.publish(name, onnx, card)
    stored = registry.load(name, ref.version)[1]
    if stored.metrics != card.metrics:
        say(f"{ref.address} was there already with another card, which stays; remove its folder to write a new one")
    if docs is not None:
        from astroscale_training.figures import draw_all
        from astroscale_training.markdown import write_card

        say(f"drawing and writing the card into {docs}")
        write_card(stored, docs, draw_all(docs / "figures", data, held, judged.sky, stored))
    return ref, stored
