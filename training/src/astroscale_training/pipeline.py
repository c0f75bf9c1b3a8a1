"""The training run, step by step: prepare, features, fit, calibrate, evaluate, export, parity, card, publish."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from astroscale_shared.registry import ModelCard, ModelRef, Registry

from astroscale_training.card import build_card
from astroscale_training.evaluate import accuracy, coverage
from astroscale_training.export import export
from astroscale_training.features import training_rows
from astroscale_training.fit import fit_model, held_out_values
from astroscale_training.folds import shuffled_folds, sky_folds
from astroscale_training.parity import probe_rows, require_parity
from astroscale_training.prepare import prepare
from astroscale_training.settings import TrainingSettings
from astroscale_training.tables import read_folder


def train(
    settings: TrainingSettings, *, out: Path, name: str, trained_at: datetime, say: Callable[[str], None]
) -> tuple[ModelRef, ModelCard]:
    """Fit the model on the tables of `settings.data` and publish it as `name` into the folder `out`.

    `say` is told each step. Raises AstroScaleError `no_training_data`, `bad_training_data`, `export_failed` or
    `parity_failed`; then nothing is published.
    """
    say("reading and checking the tables")
    data = prepare(read_folder(settings.data))
    rows = training_rows(data.stars, settings.masked_copies, settings.seed)
    say(f"fitting value and scale on {len(data)} stars, {len(rows.star)} rows, {settings.folds} folds")
    folds = shuffled_folds(data.same_star, settings.folds, settings.seed)
    model, held = fit_model(rows, data.velocity, data.survey, folds, settings)
    say("holding out whole cells of the sky")
    ra, dec = data.stars.numeric["ra"], data.stars.numeric["dec"]
    sky = sky_folds(ra, dec, data.same_star, settings.folds, settings.seed)
    sky_value = held_out_values(rows, data.velocity, sky, settings)[: len(data)]
    say("exporting and comparing with the graph")
    onnx = export(model, settings.normalization)
    probe = probe_rows(data.stars, settings.parity_rows, settings.seed)
    parity = require_parity(model, onnx, probe, settings.parity_tolerance_kms)
    metrics = accuracy(data, held, sky_value, sky)
    card = build_card(data, settings, parity, metrics, coverage(data, rows, held), trained_at)
    ref = Registry(out).publish(name, onnx, card)
    return ref, Registry(out).load(name, ref.version)[1]
