"""Models change while inference serves: no request fails, no reply mixes two, and a bad one never gets in."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
from astroscale_shared.messaging import announcements, codec
from astroscale_shared.messaging.provisioning import create_topics
from astroscale_shared.messaging.requests import MODEL, PREDICT, RequestClient
from astroscale_shared.registry import ModelRef, Parity, Registry
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

from tests.support.graphs import card, graph
from tests.support.pipes import until
from tests.support.servers import RunningKafka, in_thread
from tests.support.services import Service, running_service
from tests.support.stars import one, random_stars

REQUEST = codec.to_bytes(codec.raw_batch(random_stars(50)))
REFUSED = "astroscale_inference_model_refused_total"


@dataclass(frozen=True)
class Serving:
    """Inference on a slot of its own, and two good models: their velocities are 100 and 200 km/s for every star."""

    settings: KafkaSettings
    registry: Registry
    service: Service
    slot: str
    models: dict[float, ModelRef]

    async def announce(self, ref: ModelRef, **changed: object) -> None:
        said = announcements.of(self.registry, ref, slot=self.slot).model_copy(update=changed)
        await announcements.announce(self.settings, said)

    async def refuses(self, code: str) -> None:
        await until(lambda: self.service.metric(f'{REFUSED}{{reason="{code}"}}') == 1, f"a refusal for {code}")

    @asynccontextmanager
    async def client(self) -> AsyncGenerator[RequestClient]:
        client = RequestClient(self.settings, reply_partition=15)
        await client.start()
        try:
            yield client
        finally:
            await client.stop()


@pytest.fixture(scope="module")
def serving(kafka: RunningKafka, tmp_path_factory: pytest.TempPathFactory) -> Generator[Serving]:
    folder: Path = tmp_path_factory.mktemp("inference")
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    registry = Registry(folder / "registry")
    models = {bias: registry.publish("default", graph(bias=bias), card()) for bias in (100.0, 200.0)}
    slot = f"test-{uuid.uuid4().hex[:12]}"
    first = announcements.of(registry, models[100.0], slot=slot)

    async def prepare() -> None:
        await create_topics(settings)
        await announcements.announce(settings, first)

    in_thread(lambda: asyncio.run(prepare()))
    options = {"REGISTRY__ROOT": registry.root, "INFERENCE__SLOT": slot, "INFERENCE__SCORE_STREAM": "false"}
    with running_service("inference", settings, folder, **options) as service:
        yield Serving(settings, registry, service, slot, models)


async def served(client: RequestClient) -> str:
    """The version that answers now."""
    return orjson.loads((await client.request(MODEL, b"", timeout=10.0)).value)["version"]


async def test_models_swap_under_load_without_a_failed_request_or_a_mixed_reply(serving: Serving) -> None:
    versions = {ref.version: bias for bias, ref in serving.models.items()}
    answered: Counter[str] = Counter()
    done = asyncio.Event()

    async def ask(client: RequestClient) -> None:
        while not done.is_set():
            batch = codec.from_trusted((await client.request(PREDICT, REQUEST, timeout=10.0)).value)
            (version,) = set(batch.column("model_version").to_pylist())
            assert set(batch.column("radial_velocity_kms").to_pylist()) == {versions[version]}
            assert batch.num_rows == 50
            answered[version] += 1

    async with serving.client() as client, asyncio.TaskGroup() as callers:
        for _ in range(8):
            callers.create_task(ask(client))
        for swap in range(10):
            ref = serving.models[(200.0, 100.0)[swap % 2]]
            before = answered[ref.version]
            await serving.announce(ref)
            await until(lambda ref=ref, before=before: answered[ref.version] > before + 5, "answers of the new model")
        done.set()
    assert answered.keys() == versions.keys()
    assert serving.service.metric("astroscale_inference_model_swaps_total") == 11


async def test_a_model_that_is_corrupt_unfit_or_not_there_is_refused_and_the_old_one_serves(serving: Serving) -> None:
    failed = Parity(rows=1, max_error_kms=9.0, tolerance_kms=1.0, passed=False)
    good = serving.models[100.0]
    await serving.announce(good)
    async with serving.client() as client:
        corrupt = serving.registry.publish("default", graph(bias=1.0), card())
        said = announcements.of(serving.registry, corrupt, slot=serving.slot)
        (corrupt.path / "model.onnx").write_bytes(graph(bias=2.0))
        await announcements.announce(serving.settings, said)
        await serving.refuses("model_hash_mismatch")
        for code, onnx, its_card in (
            ("model_encoding_mismatch", graph(bias=3.0), card(encoding_version=2)),
            ("model_parity_failed", graph(bias=4.0), card(parity=failed)),
            ("model_unreadable", b"no graph", card()),
            ("model_wrong_contract", graph(bias=float("nan")), card()),
        ):
            await serving.announce(serving.registry.publish("default", onnx, its_card))
            await serving.refuses(code)
            assert await served(client) == good.version
        await announcements.announce(
            serving.settings, said.model_copy(update={"version": "0" * 12, "address": f"default/{'0' * 12}"})
        )
        await serving.refuses("model_not_found")
        reply = codec.from_trusted((await client.request(PREDICT, REQUEST, timeout=10.0)).value)
        assert set(reply.column("model_version").to_pylist()) == {good.version}
        serving.service.wait_ready()
        assert serving.service.log().count('"model_refused"') == 6


async def test_what_is_announced_for_another_slot_or_is_no_announcement_changes_nothing(serving: Serving) -> None:
    async with serving.client() as client:
        before = await served(client)
        other = next(ref for ref in serving.models.values() if ref.version != before)
        await serving.announce(other, slot="another")
        producer_said = announcements.of(serving.registry, other, slot=serving.slot)
        bad = producer_said.model_copy(update={"version": "../../etc"})
        await announcements.announce(serving.settings, bad)
        # The topic is read in order: once a later announcement is served, those before it have been read.
        await serving.announce(other)

        async def swapped() -> bool:
            return await served(client) == other.version

        await until(swapped, "the other model served")
        assert "bad_announcement" in serving.service.log()


async def test_a_restarted_inference_serves_the_last_good_announcement(serving: Serving) -> None:
    last = serving.models[200.0]
    await serving.announce(last)
    damaged = serving.registry.publish("default", graph(bias=5.0), card())
    said = announcements.of(serving.registry, damaged, slot=serving.slot)
    (damaged.path / "card.json").write_bytes(b"{}")
    await announcements.announce(serving.settings, said)
    serving.service.restart()
    async with serving.client() as client:
        assert await served(client) == last.version


async def test_a_bad_request_gets_its_reason_and_its_neighbours_their_answer(serving: Serving) -> None:
    bad = codec.to_bytes(codec.raw_batch(one(dec=91.0)))
    async with serving.client() as client:
        asked = [client.request(PREDICT, value, timeout=10.0) for value in (REQUEST, bad, b"garbage", b"", REQUEST)]
        replies = await asyncio.gather(*asked, return_exceptions=True)
        assert client.waiting == 0
    codes = [reply.code if isinstance(reply, AstroScaleError) else "ok" for reply in replies]
    assert codes == ["ok", "out_of_range", "bad_arrow", "empty_message", "ok"]
