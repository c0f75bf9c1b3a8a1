"""The gate before publishing: a graph that is not the model, or breaks its contract, goes nowhere."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from astroscale_shared.registry import Registry
from astroscale_shared.registry.card import QUANTILES
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.encoding import FEATURE_NAMES
from astroscale_training import pipeline
from astroscale_training.calibrate import groups
from astroscale_training.export import export
from astroscale_training.features import MASKABLE, patterns, training_rows
from astroscale_training.fit import HeldOut, fit_model
from astroscale_training.folds import shuffled_folds
from astroscale_training.model import Model
from astroscale_training.parity import probe_rows, require_parity
from astroscale_training.prepare import TrainingStars
from astroscale_training.settings import TrainingSettings
from astroscale_training.simulate import simulate, write_csv
from astroscale_training.sources import load
from onnx import ModelProto, numpy_helper

SHIPPED = Path(__file__).parents[3] / "models"
TOLERANCE_KMS = 1e-3


class Trained(NamedTuple):
    """A small model, its graph, and where its stars are."""

    settings: TrainingSettings
    data: TrainingStars
    model: Model
    held: HeldOut
    graph: bytes


def silent(_step: str) -> None:
    return None


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("tables")
    write_csv(simulate(400, seed=5), folder / "mock.csv")
    settings = TrainingSettings(data=folder, folds=2, waves=8, scale_trees=8, scale_leaves=4, bins=16, workers=1)
    data, _ = load(settings, silent)
    rows = training_rows(data.stars, data.same_star, settings.masked_copies, settings.seed)
    model, held = fit_model(rows, data.velocity, data.survey, shuffled_folds(data.same_star, 2, 0), settings)
    return Trained(settings, data, model, held, export(model, settings.normalization))


def coefficients(proto: ModelProto) -> Any:
    """The coefficients of the kinematic regression, float64 [waves of all views, terms of the basis]."""
    node = next(n for n in proto.graph.node if n.op_type == "MatMul" and n.input[0] == cosines(proto))
    return next(i for i in proto.graph.initializer if i.name == node.input[1])


def cosines(proto: ModelProto) -> str:
    return next(n.output[0] for n in proto.graph.node if n.op_type == "Cos")


def table_of_factors(proto: ModelProto) -> Any:
    """The largest constant that has a column for each quantile."""
    rows = [i for i in proto.graph.initializer if len(i.dims) > 1 and i.dims[-1] == len(QUANTILES)]
    return max(rows, key=lambda i: int(np.prod(i.dims)))


def change(constant: Any, of: Callable[[np.ndarray], np.ndarray]) -> None:
    constant.CopyFrom(
        numpy_helper.from_array(np.ascontiguousarray(of(numpy_helper.to_array(constant).copy())), constant.name)
    )


def move_a_coefficient(proto: ModelProto) -> None:
    change(coefficients(proto), lambda a: a + (np.arange(a.size).reshape(a.shape) == a.size // 2) * 0.5)


def make_a_coefficient_no_number(proto: ModelProto) -> None:
    change(coefficients(proto), lambda a: np.where(np.arange(a.size).reshape(a.shape) == 0, np.nan, a))


def turn_the_quantiles(proto: ModelProto) -> None:
    change(table_of_factors(proto), lambda a: a[..., ::-1])


def drop_novelty(proto: ModelProto) -> None:
    del proto.graph.output[2]


def drop_a_quantile(proto: ModelProto) -> None:
    change(table_of_factors(proto), lambda a: a[..., :4])


def forget_what_is_missing(proto: ModelProto) -> None:
    node = next(n for n in proto.graph.node if n.op_type == "TreeEnsembleRegressor")
    tracks = next(a for a in node.attribute if a.name == "nodes_missing_value_tracks_true").ints
    tracks[:] = [1 - t for t in tracks]


def forget_standardisation(proto: ModelProto) -> None:
    offset = next(a for a in proto.graph.node[0].attribute if a.name == "offset").floats
    offset[:] = [0.0] * len(offset)


def find_everything_new(proto: ModelProto) -> None:
    node = next(n for n in proto.graph.node if "novelty" in n.output)
    proto.graph.initializer.append(numpy_helper.from_array(np.array([2.0], dtype=np.float32), "two"))
    node.op_type, node.input[:] = "Add", [node.input[0], "two"]


def be_no_graph(proto: ModelProto) -> None:
    proto.graph.node[3].op_type = "NoSuchOperator"


DAMAGES = [
    move_a_coefficient,
    make_a_coefficient_no_number,
    turn_the_quantiles,
    drop_novelty,
    drop_a_quantile,
    forget_what_is_missing,
    forget_standardisation,
    find_everything_new,
    be_no_graph,
]


@pytest.fixture
def run(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Any]:
    """A whole training run into `tmp_path`, with the real gate and registry, of a model that is fitted already."""

    def with_graph(graph: bytes) -> Any:
        monkeypatch.setattr(pipeline, "fit_model", lambda *_: (trained.model, trained.held))
        monkeypatch.setattr(pipeline, "export", lambda *_: graph)
        when = datetime(2025, 1, 2, tzinfo=UTC)
        return pipeline.train(
            trained.settings, out=tmp_path / "out", name="mine", trained_at=when, say=silent, compare=False
        )

    return with_graph


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda d: d.__name__)
def test_a_broken_export_is_refused_and_nothing_is_published(
    trained: Trained, run: Callable[[bytes], Any], tmp_path: Path, damage: Callable[[ModelProto], None]
) -> None:
    proto = onnx.load_from_string(trained.graph)
    damage(proto)
    with pytest.raises(AstroScaleError) as error:
        run(proto.SerializeToString())
    assert error.value.code == "parity_failed"
    assert not list(tmp_path.rglob("*"))


def test_the_unbroken_export_is_published(trained: Trained, run: Callable[[bytes], Any], tmp_path: Path) -> None:
    ref, card = run(trained.graph)
    assert Registry(tmp_path / "out").load("mine", ref.version) == (trained.graph, card)
    assert card.parity.passed
    assert card.parity.rows == 20_000 + len(trained.data)
    assert card.parity.max_error_kms < TOLERANCE_KMS


def test_the_gate_looks_at_every_star_and_at_every_kind_of_gap(trained: Trained) -> None:
    probe = probe_rows(trained.data.stars, TrainingSettings().parity_rows, seed=0)
    assert len(probe) == 20_000 + len(trained.data)
    missing = np.isnan(probe[:, [FEATURE_NAMES.index(name) for name in MASKABLE]])
    assert (missing.mean(axis=0) > 0.1).all()
    assert set(groups()[patterns(probe)]) == set(range(groups().max() + 1))


def test_a_stricter_gate_refuses_what_rounding_leaves(trained: Trained) -> None:
    probe = probe_rows(trained.data.stars, 2_000, seed=1)
    with pytest.raises(AstroScaleError, match="km/s from the model on 2400 rows"):
        require_parity(trained.model, trained.graph, probe, 1e-9)


def test_the_shipped_model_passed_on_twenty_thousand_rows() -> None:
    refs = Registry(SHIPPED).list()
    assert refs
    for ref in refs:
        parity = Registry(SHIPPED).load(ref.name, ref.version)[1].parity
        assert parity.passed
        assert parity.rows >= 20_000
        assert parity.max_error_kms <= parity.tolerance_kms == TOLERANCE_KMS
