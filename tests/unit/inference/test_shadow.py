"""A candidate beside the model: its differences are counted, and nothing that it does reaches the predictions."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astroscale_inference import shadow as shadows
from astroscale_inference.domain.model import Model, Scores, load
from astroscale_inference.domain.scored import ScoredRows
from astroscale_inference.loading import Loader
from astroscale_inference.metrics import InferenceMetrics
from astroscale_inference.models import Slot
from astroscale_inference.shadow import MAX_WAITING_ROWS, Shadow
from astroscale_shared.messaging import announcements
from astroscale_shared.registry import Registry
from astroscale_shared.stars.encoding import FEATURE_NAMES
from structlog.testing import capture_logs

from tests.support.graphs import card, graph
from tests.support.pipes import until

MEASURED = (5.0, np.nan, 25.0, 0.0)


@pytest.fixture
def metrics() -> InferenceMetrics:
    return InferenceMetrics()


@pytest.fixture
def slot(tmp_path: Path, metrics: InferenceMetrics) -> Slot:
    return Slot("shadow", Loader(Registry(tmp_path)), metrics.candidate, keeps=False)


@pytest.fixture
async def shadow(slot: Slot, metrics: InferenceMetrics) -> AsyncIterator[Shadow]:
    one = Shadow(slot, metrics.shadow)
    yield one
    one.stop()


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with capture_logs() as captured:
        yield captured


def model(**changed: Any) -> Model:
    return load(graph(**changed), card(), name="candidate", version="c" * 12, sha256="0" * 64)


def scored(rows: int = 4, *, by: Model | None = None, first_feature: Sequence[float] = ()) -> ScoredRows:
    features = np.zeros((rows, len(FEATURE_NAMES)), dtype=np.float32)
    features[: len(first_feature), 0] = first_feature
    measured = np.full(rows, np.nan)
    measured[: len(MEASURED)] = MEASURED[:rows]
    scores = (by or model()).score(features)
    return ScoredRows(features, np.zeros(rows, dtype=np.uint32), measured, np.full(rows, np.nan), scores)


def value(metrics: InferenceMetrics, line: str) -> float:
    for found in metrics.render().decode().splitlines():
        if found.startswith(f"astroscale_inference_{line} "):
            return float(found.split()[-1])
    return 0.0


async def test_differences_are_counted(shadow: Shadow, slot: Slot, metrics: InferenceMetrics) -> None:
    # The model says 0 with 20 km/s to each side; the candidate -3, -3, 27, -3 with 8 to each side.
    slot.current = model(bias=-3.0, weights=(30.0,), offsets=(-8.0, -4.0, 0.0, 4.0, 8.0))
    shadow.submit([scored(first_feature=(0.0, 0.0, 1.0, 0.0))])
    await until(lambda: value(metrics, "shadow_rows_total") == 4, "the candidate's rows")
    assert value(metrics, 'shadow_difference_kms_bucket{le="2.0"}') == 0
    assert value(metrics, 'shadow_difference_kms_bucket{le="5.0"}') == 3
    assert value(metrics, 'shadow_difference_kms_bucket{le="50.0"}') == 4
    assert value(metrics, "shadow_difference_kms_sum") == pytest.approx(36.0)
    assert value(metrics, 'shadow_signed_difference_kms_total{way="up"}') == pytest.approx(27.0)
    assert value(metrics, 'shadow_signed_difference_kms_total{way="down"}') == pytest.approx(9.0)
    assert value(metrics, 'shadow_interval_width_kms_total{model="current"}') == pytest.approx(160.0)
    assert value(metrics, 'shadow_interval_width_kms_total{model="candidate"}') == pytest.approx(64.0)
    assert value(metrics, "shadow_measured_total") == 3
    inside = {
        (who, level): value(metrics, f'shadow_measured_inside_total{{interval="{level}",model="{who}"}}')
        for who in ("current", "candidate")
        for level in ("90", "68")
    }
    assert inside == {("current", "90"): 2, ("current", "68"): 2, ("candidate", "90"): 3, ("candidate", "68"): 2}
    assert value(metrics, 'shadow_absolute_error_kms_total{model="current"}') == pytest.approx(30.0)
    assert value(metrics, 'shadow_absolute_error_kms_total{model="candidate"}') == pytest.approx(8.0 + 2.0 + 3.0)


async def test_without_a_candidate_nothing_happens(shadow: Shadow, metrics: InferenceMetrics) -> None:
    shadow.submit([scored()])
    await asyncio.sleep(0)
    assert value(metrics, "shadow_rows_total") == value(metrics, "shadow_skipped_rows_total") == 0


async def test_rows_for_which_the_candidate_has_no_answer_are_counted_apart(
    shadow: Shadow, slot: Slot, metrics: InferenceMetrics
) -> None:
    slot.current = model(weights=(100.0,))
    shadow.submit([scored(first_feature=(3e38,))])
    await until(lambda: value(metrics, "shadow_rows_total") == 3, "the other rows")
    assert value(metrics, "shadow_unfit_rows_total") == 1
    assert slot.current is not None


async def test_a_candidate_that_fails_is_dropped_counted_and_said_once(
    shadow: Shadow, slot: Slot, metrics: InferenceMetrics, logs: list[Any]
) -> None:
    class Failing(Model):
        def score(self, features: Any) -> Scores:  # noqa: ARG002
            raise RuntimeError("out of memory")

    good = model()
    slot.current = Failing("candidate", "c" * 12, "0" * 64, good.card, good._session)  # pyright: ignore[reportPrivateUsage]
    for _ in range(3):
        shadow.submit([scored()])
    await until(lambda: slot.current is None, "the candidate dropped")
    await until(lambda: shadow._waiting == 0, "the other batches done")  # pyright: ignore[reportPrivateUsage]
    assert value(metrics, 'shadow_refused_total{reason="shadow_failed"}') == 1
    assert value(metrics, 'slot_unserved{role="shadow"}') == 1
    assert [line["event"] for line in logs].count("model_refused") == 1
    assert "out of memory" in slot.notes()[0]


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Holds the candidate back until set."""
    opened = threading.Event()
    compare: Callable[..., Any] = shadows.compare

    def slow(*arguments: Any) -> Any:
        assert opened.wait(10)
        return compare(*arguments)

    monkeypatch.setattr(shadows, "compare", slow)
    yield opened
    opened.set()


async def test_a_candidate_that_cannot_keep_up_skips_rows_and_holds_no_more_than_its_bound(
    shadow: Shadow, slot: Slot, metrics: InferenceMetrics, gate: threading.Event
) -> None:
    slot.current = model()
    batch = scored(10_000)
    shadow.submit([batch] * 10)
    assert value(metrics, "shadow_skipped_rows_total") == 100_000 - MAX_WAITING_ROWS // 10_000 * 10_000
    gate.set()
    await until(lambda: value(metrics, "shadow_rows_total") == 60_000, "what was not skipped")
    shadow.submit([batch])
    await until(lambda: value(metrics, "shadow_rows_total") == 70_000, "a candidate that goes on")


async def test_what_an_earlier_candidate_still_answers_is_not_counted_for_the_next(
    shadow: Shadow, slot: Slot, metrics: InferenceMetrics, gate: threading.Event
) -> None:
    slot.current = model(bias=100.0)
    shadow.submit([scored()])
    slot.current = model(bias=1.0)
    shadow.submit([scored()])
    gate.set()
    await until(lambda: value(metrics, "shadow_rows_total") == 4, "the second candidate's rows")
    assert value(metrics, "shadow_difference_kms_sum") == pytest.approx(4.0)


def test_a_candidate_is_loaded_from_the_registry_like_any_model(tmp_path: Path, slot: Slot) -> None:
    registry = Registry(tmp_path)
    ref = registry.publish("candidate", graph(bias=2.0), card())
    asyncio.run(slot.hear(announcements.of(registry, ref, slot="shadow")))
    assert slot.current is not None
    assert slot.current.version == ref.version
