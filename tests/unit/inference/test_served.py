"""What a slot points at is served; what cannot be is refused, visibly, and the old one stays."""

from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from astroscale_inference.loading import Loader
from astroscale_inference.metrics import InferenceMetrics
from astroscale_inference.models import Slot
from astroscale_shared.messaging import announcements
from astroscale_shared.messaging.announcements import Unreadable, Withdrawn
from astroscale_shared.registry import ModelAnnouncement, ModelRef, Parity, Registry
from astroscale_shared.runtime.errors import AstroScaleError
from structlog.testing import capture_logs

from tests.support.graphs import card, graph

Logs = list[MutableMapping[str, Any]]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry")


@pytest.fixture
def metrics() -> InferenceMetrics:
    return InferenceMetrics()


@pytest.fixture
def served(registry: Registry, metrics: InferenceMetrics) -> Slot:
    return Slot("default", Loader(registry), metrics.served)


@pytest.fixture
def shadow(registry: Registry, metrics: InferenceMetrics) -> Slot:
    return Slot("shadow", Loader(registry), metrics.candidate, keeps=False)


@pytest.fixture(autouse=True)
def logs() -> Iterator[Logs]:
    with capture_logs() as captured:
        yield captured


def said(registry: Registry, ref: ModelRef, **changed: object) -> ModelAnnouncement:
    return announcements.of(registry, ref, slot="default").model_copy(update=changed)


def publish(registry: Registry, bias: float) -> ModelRef:
    return registry.publish("default", graph(bias=bias), card())


def has(metrics: InferenceMetrics, line: str) -> bool:
    return f"astroscale_inference_{line}\n" in metrics.render().decode()


async def test_an_announced_model_is_taken_and_the_next_takes_its_place(
    registry: Registry, served: Slot, metrics: InferenceMetrics
) -> None:
    for bias in (1.0, 2.0):
        ref = publish(registry, bias)
        await served.hear(said(registry, ref))
        assert served.current is not None
        assert served.current.version == ref.version
        text = metrics.render().decode()
        assert f'astroscale_inference_model_info{{name="default",version="{ref.version}"}} 1.0' in text
        assert text.count("model_info{") == 1


def damage(registry: Registry, ref: ModelRef, kind: str) -> None:
    folder = Path(registry.root) / ref.name / ref.version
    if kind == "changed bytes":
        (folder / "model.onnx").write_bytes(graph(bias=9.0))
    elif kind == "changed card":
        (folder / "card.json").write_bytes(b"{}")
    elif kind == "sums that are no text":
        (folder / "SHA256SUMS").write_bytes(b"\xff\xfe\x00")
    elif kind == "a folder for a file":
        (folder / "model.onnx").unlink()
        (folder / "model.onnx").mkdir()
    else:
        for file in folder.iterdir():
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
    registry: Registry, served: Slot, metrics: InferenceMetrics, logs: Logs, kind: str, code: str
) -> None:
    old = publish(registry, 1.0)
    await served.hear(said(registry, old))
    assert has(metrics, 'slot_unserved{role="serving"} 0.0')
    new = publish(registry, 2.0)
    announcement = said(registry, new)
    damage(registry, new, kind)
    await served.hear(announcement)
    assert served.current is not None
    assert served.current.version == old.version
    assert served.refusal is not None
    assert served.refusal.code == code
    assert has(metrics, f'model_refused_total{{reason="{code}"}} 1.0')
    assert has(metrics, 'slot_unserved{role="serving"} 1.0')
    served.caught_up = True
    assert served.unready() == []
    (note,) = served.notes()
    assert note.startswith(f"default -> default {new.version} refused: {code} (")
    assert note.endswith(f"; default {old.version} serves")
    (refused,) = [line for line in logs if line["event"] == "model_refused"]
    assert (refused["what"], refused["still_serving"]) == (f"default {new.version}", old.version)


async def test_the_note_goes_when_the_slot_points_at_something_good(
    registry: Registry, served: Slot, metrics: InferenceMetrics
) -> None:
    old = publish(registry, 1.0)
    await served.hear(said(registry, old))
    await served.hear(said(registry, old, sha256="f" * 64))
    assert served.notes()
    await served.hear(said(registry, old))
    assert served.notes() == []
    assert has(metrics, 'slot_unserved{role="serving"} 0.0')


async def test_gates_and_another_hash_refuse_too(registry: Registry, served: Slot) -> None:
    failed = Parity(rows=1, max_error_kms=9.0, tolerance_kms=1.0, passed=False)
    for bias, its_card in ((1.0, card(encoding_version=9)), (2.0, card(parity=failed))):
        await served.hear(said(registry, registry.publish("default", graph(bias=bias), its_card)))
    other = publish(registry, 3.0)
    await served.hear(said(registry, other, sha256="f" * 64))
    assert served.current is None
    served.caught_up = True
    (reason,) = served.unready()
    assert other.version in reason
    assert "model_hash_mismatch" in reason


async def test_something_unreadable_or_nothing_in_the_slot_leaves_the_old_one_and_is_noted(
    registry: Registry, served: Slot, metrics: InferenceMetrics
) -> None:
    old = publish(registry, 1.0)
    await served.hear(said(registry, old))
    unreadable = Unreadable("default", AstroScaleError("bad_model_announcement", "announcement, version: no"))
    for word, code in ((unreadable, "bad_model_announcement"), (Withdrawn("default"), "slot_withdrawn")):
        await served.hear(word)
        assert served.current is not None
        assert code in served.notes()[0]
        assert has(metrics, f'model_refused_total{{reason="{code}"}} 1.0')


async def test_what_was_not_there_yet_is_taken_once_it_is_and_what_is_damaged_is_not_tried_again(
    registry: Registry, served: Slot, metrics: InferenceMetrics, logs: Logs, tmp_path: Path
) -> None:
    await served.retry()
    ref = publish(registry, 1.0)
    announcement = said(registry, ref)
    Path(registry.root).rename(tmp_path / "elsewhere")
    await served.hear(announcement)
    for _ in range(3):
        await served.retry()
    assert "model_not_found" in served.notes()[0]
    assert has(metrics, 'model_refused_total{reason="model_not_found"} 1.0')
    assert [line["event"] for line in logs] == ["model_refused"]
    (tmp_path / "elsewhere").rename(Path(registry.root))
    await served.retry()
    assert served.current is not None
    assert served.notes() == []
    assert has(metrics, 'slot_unserved{role="serving"} 0.0')

    other = publish(registry, 2.0)
    await served.hear(said(registry, other, sha256="f" * 64))
    await served.retry()
    assert served.notes()
    assert has(metrics, 'model_refused_total{reason="model_hash_mismatch"} 1.0')


async def test_a_later_attempt_that_fails_otherwise_is_said(
    registry: Registry, served: Slot, metrics: InferenceMetrics, tmp_path: Path
) -> None:
    announcement = said(registry, publish(registry, 1.0), sha256="f" * 64)
    Path(registry.root).rename(tmp_path / "elsewhere")
    await served.hear(announcement)
    (tmp_path / "elsewhere").rename(Path(registry.root))
    await served.retry()
    assert "model_hash_mismatch" in served.notes()[0]
    assert has(metrics, 'model_refused_total{reason="model_hash_mismatch"} 1.0')


def test_it_is_not_ready_before_it_knows_the_topics_end(served: Slot) -> None:
    assert "read to its end" in served.unready()[0]
    served.caught_up = True
    assert "no model is published in slot default" in served.unready()[0]


async def test_a_start_takes_the_last_word_only(registry: Registry, served: Slot, metrics: InferenceMetrics) -> None:
    history = [said(registry, publish(registry, bias)) for bias in (1.0, 2.0, 3.0)]
    await served.begin(history)
    assert served.current is not None
    assert served.current.version == history[-1].version
    assert served.unready() == served.notes() == []
    assert has(metrics, "model_swaps_total 1.0")


@pytest.mark.parametrize("compacted", [False, True])
async def test_a_start_whose_last_word_is_refused_serves_the_newest_before_it_that_can(
    registry: Registry, served: Slot, metrics: InferenceMetrics, *, compacted: bool
) -> None:
    """Also where compaction has left only the last record, which carries its slot's past."""
    history: list[ModelAnnouncement] = []
    for bias in (1.0, 2.0, 3.0, 4.0):
        one = said(registry, publish(registry, bias))
        history.append(one.after(history[-1] if history else None))
    for broken in history[2:]:
        (Path(registry.root) / "default" / broken.version / "model.onnx").write_bytes(b"")
    await served.begin(history[-1:] if compacted else history)
    assert served.current is not None
    assert served.current.version == history[1].version
    assert served.unready() == []
    assert history[-1].version in served.notes()[0]
    assert has(metrics, 'model_refused_total{reason="model_hash_mismatch"} 1.0')


async def test_a_start_on_a_withdrawn_slot_serves_what_was_there(registry: Registry, served: Slot) -> None:
    last = said(registry, publish(registry, 1.0))
    await served.begin([last, Withdrawn("default")])
    assert served.current is not None
    assert served.unready() == []


async def test_a_candidate_goes_with_its_slot(registry: Registry, shadow: Slot, metrics: InferenceMetrics) -> None:
    first, second = (said(registry, publish(registry, bias), slot="shadow") for bias in (1.0, 2.0))
    await shadow.begin([first, Withdrawn("shadow")])
    assert shadow.current is None
    await shadow.hear(first)
    assert shadow.current is not None
    await shadow.hear(second.model_copy(update={"sha256": "f" * 64}))
    assert shadow.current is None, "what the slot no longer points at must not be compared with"
    assert has(metrics, 'slot_unserved{role="shadow"} 1.0')
    assert has(metrics, 'slot_unserved{role="serving"} 0.0')
    assert has(metrics, 'shadow_refused_total{reason="model_hash_mismatch"} 1.0')
    await shadow.hear(Withdrawn("shadow"))
    assert shadow.notes() == []
    assert "shadow_info{" not in metrics.render().decode()
    assert has(metrics, 'slot_unserved{role="shadow"} 0.0')
