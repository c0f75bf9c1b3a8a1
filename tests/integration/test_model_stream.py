"""The model in the stream on a real broker: a candidate beside it changes no prediction, a refusal is seen and serves on."""

import asyncio
import math
import uuid
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from astroscale_preprocessor.handlers import Encode
from astroscale_preprocessor.metrics import PreprocessorMetrics
from astroscale_shared.messaging import announcements, clients, codec, topics
from astroscale_shared.messaging.contracts import ARROW
from astroscale_shared.messaging.provisioning import create_topics
from astroscale_shared.registry import Histogram, ModelRef, Registry
from astroscale_shared.runtime.settings import KafkaSettings
from astroscale_shared.stars.encoding import FEATURE_NAMES, encode

from tests.support.graphs import card, graph
from tests.support.pipes import until
from tests.support.servers import RunningKafka, in_thread, running_kafka
from tests.support.services import Service, running_service
from tests.support.stars import Record, random_stars

ROWS, MESSAGES = 400, 4
STARS = random_stars(ROWS, missing=0.3)
TEFF = encode(STARS).features[:, FEATURE_NAMES.index("teff")]
REFERENCE = {
    "teff": Histogram(
        edges=tuple(float(q) for q in np.nanquantile(TEFF, np.arange(1, 10) / 10)),
        shares=(0.1,) * 10,
        missing=float(np.isnan(TEFF).mean()),
    )
}
NARROW = (-10.0, -5.0, 0.0, 5.0, 10.0)


@dataclass
class Serving:
    """Inference that scores the stream, with two slots of its own. The model says 100 km/s for every star."""

    settings: KafkaSettings
    registry: Registry
    service: Service
    slot: str
    shadow: str
    model: ModelRef
    _offset: int = field(default_factory=lambda: uuid.uuid4().int % 2**40)

    def metric(self, line: str) -> float:
        return self.service.metric(f"astroscale_inference_{line}")

    def ready(self) -> dict[str, Any]:
        answer = httpx.get(f"{self.service.url}/readyz", timeout=5.0)
        assert answer.status_code == 200
        return answer.json()

    def candidate(self, bias: float, offsets: tuple[float, ...] = NARROW) -> ModelRef:
        return self.registry.publish("candidate", graph(bias=bias, offsets=offsets), card())

    async def announce(self, ref: ModelRef, slot: str, **changed: object) -> None:
        said = announcements.of(self.registry, ref, slot=slot).model_copy(update=changed)
        await announcements.announce(self.settings, said)

    async def stream(self) -> None:
        """Writes encoded batches, and waits for their predictions: each row once, by the model in service."""
        self._offset += MESSAGES
        keys: list[tuple[int, int]] = []
        producer = clients.producer(self.settings)
        await producer.start()
        try:
            for offset in range(self._offset, self._offset + MESSAGES):
                raw = Record(
                    codec.to_bytes(codec.raw_batch(STARS)), [("content-type", ARROW.encode())], offset, partition=3
                )
                encoded = Encode(PreprocessorMetrics(), batch_size=8192)([raw], "").outgoing[0]
                await producer.send_and_wait(topics.ENCODED, encoded.value, headers=encoded.headers, partition=0)
                keys += [(offset, row) for row in range(ROWS)]
        finally:
            await producer.stop()
        await until(lambda: self._predicted(set(keys)), "each row predicted once by the model in service")

    async def _predicted(self, keys: set[tuple[int, int]]) -> bool:
        found: Counter[tuple[int, int]] = Counter()
        for record in await clients.read_to_end(self.settings, topics.PREDICTIONS):
            batch = codec.from_trusted(record.value)
            if (batch.column("raw_offset")[0].as_py(), 0) in keys:
                assert set(batch.column("model_version").to_pylist()) == {self.model.version}
                assert set(batch.column("radial_velocity_kms").to_pylist()) == {100.0}
                found.update(
                    zip(batch.column("raw_offset").to_pylist(), batch.column("raw_row").to_pylist(), strict=True)
                )
        assert all(count == 1 for count in found.values())
        return found.keys() == keys


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Generator[RunningKafka]:
    """A broker without the rows of other tests: what is watched is all that flows."""
    with running_kafka(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture(scope="module")
def serving(own_kafka: RunningKafka, tmp_path_factory: pytest.TempPathFactory) -> Generator[Serving]:
    folder: Path = tmp_path_factory.mktemp("inference")
    settings = KafkaSettings(bootstrap_servers=own_kafka.bootstrap_servers)
    registry = Registry(folder / "registry")
    model = registry.publish("default", graph(bias=100.0), card(reference=REFERENCE))
    slot, shadow = (f"{kind}-{uuid.uuid4().hex[:12]}" for kind in ("slot", "shadow"))
    first = announcements.of(registry, model, slot=slot)

    async def prepare() -> None:
        await create_topics(settings)
        await announcements.announce(settings, first)

    in_thread(lambda: asyncio.run(prepare()))
    options = {"REGISTRY__ROOT": registry.root, "INFERENCE__SLOT": slot, "INFERENCE__SHADOW_SLOT": shadow}
    with running_service("inference", settings, folder, **options) as service:
        yield Serving(settings, registry, service, slot, shadow, model)


async def test_the_lag_of_both_groups_is_shown_and_0_when_idle(serving: Serving) -> None:
    def idle() -> bool:
        shown = [line for line in httpx.get(f"{serving.service.url}/metrics").text.splitlines() if "_lag_" in line]
        wanted = {
            f'astroscale_inference_lag_{unit}{{group="astro.inference.{purpose}",partition="{partition}"}} 0.0'
            for unit in ("messages", "seconds")
            for purpose in ("score", "requests")
            for partition in range(4)
        }
        return {line for line in shown if not line.startswith("#")} == wanted

    await until(idle, "lag 0 of four partitions in each group")


async def test_the_stream_is_watched(serving: Serving) -> None:
    known = int(np.isfinite(STARS.numeric["rv_kms"]).sum())
    before = {
        name: serving.metric(name) for name in ("rows_predicted_total", "measured_total", "tail_probability_count")
    }
    await serving.stream()
    rows = ROWS * MESSAGES
    await until(lambda: serving.metric("rows_predicted_total") >= before["rows_predicted_total"] + rows, "the counters")
    assert serving.metric("measured_total") == before["measured_total"] + known * MESSAGES
    assert serving.metric("tail_probability_count") == before["tail_probability_count"] + known * MESSAGES
    assert serving.metric('feature_drift_psi{feature="teff"}') < 0.05
    assert serving.metric('feature_missing_drift_psi{feature="teff"}') < 0.05
    assert math.isnan(serving.metric('feature_drift_psi{feature="logg"}'))


async def test_a_candidate_scores_beside_the_model_and_changes_no_prediction(serving: Serving) -> None:
    candidate = serving.candidate(103.0)
    await serving.announce(candidate, serving.shadow)
    info = f'shadow_info{{name="candidate",version="{candidate.version}"}}'
    await until(lambda: serving.metric(info) == 1, "the candidate taken")
    before = serving.metric("shadow_rows_total")
    await serving.stream()
    rows = ROWS * MESSAGES
    await until(lambda: serving.metric("shadow_rows_total") == before + rows, "the candidate's rows")
    assert serving.metric("shadow_difference_kms_sum") == pytest.approx(3.0 * rows)
    assert serving.metric('shadow_signed_difference_kms_total{way="up"}') == pytest.approx(3.0 * rows)
    widths = [serving.metric(f'shadow_interval_width_kms_total{{model="{m}"}}') for m in ("candidate", "current")]
    assert widths[0] / widths[1] == pytest.approx(0.5)
    assert serving.metric("shadow_skipped_rows_total") == 0

    # A candidate that is refused ends the comparison, is seen, and harms nobody.
    broken = serving.candidate(104.0)
    await serving.announce(broken, serving.shadow, sha256="f" * 64)
    await until(lambda: serving.metric('slot_unserved{role="shadow"}') == 1, "the candidate refused")
    (note,) = serving.ready()["notes"]
    assert note.startswith(f"{serving.shadow} -> candidate {broken.version} refused: model_hash_mismatch")
    await serving.stream()
    assert serving.metric("shadow_rows_total") == before + rows

    await announcements.withdraw(serving.settings, serving.shadow)
    await until(lambda: serving.ready()["notes"] == [], "the note gone with the slot")
    assert serving.metric('slot_unserved{role="shadow"}') == 0
    assert serving.metric(info) == 0


async def test_a_refused_model_is_seen_everywhere_while_the_old_one_serves_also_after_a_restart(
    serving: Serving,
) -> None:
    corrupt = serving.registry.publish("default", graph(bias=7.0), card())
    said = announcements.of(serving.registry, corrupt, slot=serving.slot)
    graph_file = Path(serving.registry.root) / "default" / corrupt.version / "model.onnx"
    graph_file.write_bytes(graph(bias=8.0))
    await announcements.announce(serving.settings, said)

    def noted(code: str) -> bool:
        notes = serving.ready()["notes"]
        return len(notes) == 1 and f"{code} (" in notes[0] and f"default {serving.model.version} serves" in notes[0]

    await until(lambda: noted("model_hash_mismatch"), "the refusal in /readyz")
    assert serving.metric('slot_unserved{role="serving"}') == 1
    assert serving.metric('model_refused_total{reason="model_hash_mismatch"}') == 1
    refusals = [line for line in serving.service.log().splitlines() if "model_refused" in line and serving.slot in line]
    assert len(refusals) == 1
    await serving.stream()

    serving.service.restart()
    assert noted("model_hash_mismatch")
    assert serving.metric('slot_unserved{role="serving"}') == 1
    await serving.stream()

    await serving.announce(serving.model, serving.slot)
    await until(lambda: serving.ready()["notes"] == [], "the note gone")
    assert serving.metric('slot_unserved{role="serving"}') == 0


async def test_what_is_no_announcement_is_noted_and_the_model_serves_on(serving: Serving) -> None:
    producer = clients.producer(serving.settings)
    await producer.start()
    try:
        for key in (serving.slot, serving.shadow):
            await producer.send_and_wait(topics.MODELS, b'{"slot": 1}', key=key.encode())
    finally:
        await producer.stop()
    await until(lambda: len(serving.ready()["notes"]) == 2, "a note for each slot")
    assert all("bad_model_announcement" in note for note in serving.ready()["notes"])
    await serving.stream()
