"""Models in a bucket, end to end: provisioned into it, served out of it, swapped, and refused where they are damaged."""

import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from astroscale_shared.messaging import announcements
from astroscale_shared.messaging.provisioning import create_topics, provision
from astroscale_shared.messaging.requests import MODEL, RequestClient
from astroscale_shared.registry import DEFAULT_SLOT, ModelRef, Registry, open_registry
from astroscale_shared.runtime.settings import KafkaSettings, RegistrySettings
from s3fs import S3FileSystem

from tests.support.buckets import bucket_settings, running_s3
from tests.support.graphs import card, graph
from tests.support.pipes import until
from tests.support.servers import RunningKafka
from tests.support.services import Service, running_service


@pytest.fixture(scope="module")
def bucket() -> Generator[RegistrySettings]:
    with running_s3() as endpoint:
        yield bucket_settings(endpoint)


@contextmanager
def inference(kafka: KafkaSettings, bucket: RegistrySettings, folder: Path, slot: str) -> Generator[Service]:
    assert bucket.s3_secret_key is not None
    options = {
        "REGISTRY__ROOT": bucket.root,
        "REGISTRY__S3_ENDPOINT": bucket.s3_endpoint,
        "REGISTRY__S3_REGION": bucket.s3_region,
        "REGISTRY__S3_ACCESS_KEY": bucket.s3_access_key,
        "REGISTRY__S3_SECRET_KEY": bucket.s3_secret_key.get_secret_value(),
        "INFERENCE__SLOT": slot,
        "INFERENCE__SCORE_STREAM": "false",
    }
    with running_service("inference", kafka, folder, **options) as service:
        yield service


async def test_inference_serves_out_of_a_bucket(kafka: RunningKafka, bucket: RegistrySettings, tmp_path: Path) -> None:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    await create_topics(settings)
    registry = open_registry(bucket)
    slot = f"test-{uuid.uuid4().hex[:12]}"
    one, two, damaged = (registry.publish("m", graph(bias=bias), card()) for bias in (1.0, 2.0, 3.0))
    await announce(settings, registry, one, slot)
    client = RequestClient(settings, reply_partition=14)
    await client.start()
    try:
        with inference(settings, bucket, tmp_path, slot) as service:

            async def serves(ref: ModelRef) -> bool:
                reply = await client.request(MODEL, b"", timeout=10.0)
                return orjson.loads(reply.value)["version"] == ref.version

            assert await serves(one)
            await announce(settings, registry, two, slot)
            await until(lambda: serves(two), "the second model")
            said = announcements.of(registry, damaged, slot=slot)
            files = S3FileSystem(endpoint_url=bucket.s3_endpoint, key="someone", secret="else")
            files.pipe_file(f"{damaged.location.removeprefix('s3://')}/model.onnx", graph(bias=4.0))
            await announcements.announce(settings, said)
            refusals = 'astroscale_inference_model_refused_total{reason="model_hash_mismatch"}'
            await until(lambda: service.metric(refusals) == 1, "a refusal")
            assert await serves(two)
            assert "test-secret" not in service.log()
    finally:
        await client.stop()


async def announce(settings: KafkaSettings, registry: Registry, ref: ModelRef, slot: str) -> None:
    await announcements.announce(settings, announcements.of(registry, ref, slot=slot))


async def test_the_shipped_models_are_provisioned_into_a_bucket(
    kafka: RunningKafka, bucket: RegistrySettings, tmp_path: Path
) -> None:
    shipped = Registry(tmp_path / "models").publish("default", graph(bias=5.0), card())
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    await create_topics(settings)
    before = await announcements.latest(settings)
    try:
        for _ in range(2):
            await provision(settings, bucket.model_copy(update={"shipped": tmp_path / "models"}))
    finally:
        if DEFAULT_SLOT not in before:  # the broker is the session's, and others' default is not in this bucket
            await announcements.withdraw(settings, DEFAULT_SLOT)
    onnx, _ = open_registry(bucket).load("default", shipped.version)
    assert onnx == graph(bias=5.0)
