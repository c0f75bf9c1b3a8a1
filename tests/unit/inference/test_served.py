"""The model in service changes with what is announced, and stays where the new one is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from astroscale_inference.metrics import InferenceMetrics
from astroscale_inference.models import ServedModel
from astroscale_shared.messaging import announcements
from astroscale_shared.registry import ModelAnnouncement, ModelRef, Parity, Registry
from structlog.testing import capture_logs

from tests.support.graphs import card, graph


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry")


@pytest.fixture
def metrics() -> InferenceMetrics:
    return InferenceMetrics()


@pytest.fixture
def served(registry: Registry, metrics: InferenceMetrics) -> ServedModel:
    return ServedModel(registry, metrics, slot="default", threads=1)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with capture_logs():
        yield


def said(registry: Registry, ref: ModelRef, **changed: object) -> ModelAnnouncement:
    return announcements.of(registry, ref, slot="default").model_copy(update=changed)


async def test_an_announced_model_is_taken_and_the_next_takes_its_place(
    registry: Registry, served: ServedModel, metrics: InferenceMetrics
) -> None:
    for bias in (1.0, 2.0):
        ref = registry.publish("default", graph(bias=bias), card())
        await served.take(said(registry, ref))
        assert served.current is not None
        assert served.current.version == ref.version
        text = metrics.render().decode()
        assert f'astroscale_inference_model_info{{name="default",version="{ref.version}"}} 1.0' in text
        assert text.count("model_info{") == 1


def damage(registry: Registry, ref: ModelRef, kind: str) -> None:
    if kind == "changed bytes":
        (ref.path / "model.onnx").write_bytes(graph(bias=9.0))
    elif kind == "changed card":
        (ref.path / "card.json").write_bytes(b"{}")
    elif kind == "sums that are no text":
        (ref.path / "SHA256SUMS").write_bytes(b"\xff\xfe\x00")
    elif kind == "a folder for a file":
        (ref.path / "model.onnx").unlink()
        (ref.path / "model.onnx").mkdir()
    else:
        for file in ref.path.iterdir():
            file.unlink()


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("changed bytes", "model_hash_mismatch"),
        ("changed card", "model_hash_mismatch"),
        ("sums that are no text", "model_unreadable"),
        ("a folder for a file", "model_unreadable"),
        ("nothing", "model_not_found"),
    ],
)
async def test_a_damaged_version_is_refused_and_the_old_one_stays(
    registry: Registry, served: ServedModel, metrics: InferenceMetrics, kind: str, code: str
) -> None:
    old = registry.publish("default", graph(bias=1.0), card())
    await served.take(said(registry, old))
    new = registry.publish("default", graph(bias=2.0), card())
    announcement = said(registry, new)
    damage(registry, new, kind)
    await served.take(announcement)
    assert served.current is not None
    assert served.current.version == old.version
    assert served.last_refusal is not None
    assert new.version in served.last_refusal
    assert f'model_refused_total{{reason="{code}"}} 1.0' in metrics.render().decode()


async def test_gates_and_another_hash_refuse_too(registry: Registry, served: ServedModel) -> None:
    failed = Parity(rows=1, max_error_kms=9.0, tolerance_kms=1.0, passed=False)
    for bias, its_card in ((1.0, card(encoding_version=9)), (2.0, card(parity=failed))):
        await served.take(said(registry, registry.publish("default", graph(bias=bias), its_card)))
    other = registry.publish("default", graph(bias=3.0), card())
    await served.take(said(registry, other, sha256="f" * 64))
    assert served.current is None
    served.caught_up = True
    (reason,) = served.unready()
    assert other.version in reason


def test_it_is_not_ready_before_it_knows_the_topics_end(served: ServedModel) -> None:
    assert "read to its end" in served.unready()[0]
    served.caught_up = True
    assert "no model is published in slot default" in served.unready()[0]
