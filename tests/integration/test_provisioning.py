"""Provisioning gives a topic of an older release what it lacks, and leaves what an operator has set."""

import uuid
from typing import Any

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from astroscale_shared.messaging import clients
from astroscale_shared.messaging.provisioning import create_topics
from astroscale_shared.messaging.topics import Topic
from astroscale_shared.runtime.settings import KafkaSettings

from tests.support.pipes import until
from tests.support.servers import RunningKafka


async def partitions_and_settings(settings: KafkaSettings, name: str) -> tuple[int, dict[str, str]]:
    admin = clients.admin(settings)
    await admin.start()
    try:
        (topic,) = await admin.describe_topics([name])
        answer: Any = (await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)]))[0]
        entries = answer.resources[0][4]
        return len(topic["partitions"]), {entry[0]: entry[1] for entry in entries if entry[3] == 1}
    finally:
        await admin.close()


async def test_an_older_topic_gets_partitions_and_settings_and_keeps_its_operators_own(kafka: RunningKafka) -> None:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    name = f"older.{uuid.uuid4().hex}"
    older = {"retention.ms": "7200000", "max.message.bytes": "2000000", "segment.bytes": "16777216"}
    assert await create_topics(settings, (Topic(name, 1, older),)) == [name]

    now = Topic(name, 3, {"retention.ms": "3600000", "segment.bytes": "16777216", "cleanup.policy": "compact,delete"})
    for _ in range(2):  # the second time there is nothing to do
        assert await create_topics(settings, (now,)) == []
        assert await partitions_and_settings(settings, name) == (3, older | {"cleanup.policy": "compact,delete"})


async def test_a_topic_with_more_partitions_keeps_them(kafka: RunningKafka) -> None:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    name = kafka.create_topic("wide", 5)
    assert await create_topics(settings, (Topic(name, 2, {}),)) == []
    assert await partitions_and_settings(settings, name) == (5, {})


async def test_the_brokers_time_is_taken_from_then_on(kafka: RunningKafka) -> None:
    """The setting by which lag is measured reaches a topic that was made without it."""
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    topic = kafka.create_topic("timed", 1)
    producer = clients.producer(settings)
    await producer.start()

    async def by_the_broker() -> bool:
        return (await producer.send_and_wait(topic, b"x", timestamp_ms=1_000)).timestamp > 1_000

    try:
        assert not await by_the_broker()
        await create_topics(settings, (Topic(topic, 1, {"message.timestamp.type": "LogAppendTime"}),))
        await until(by_the_broker, "a record with the broker's time")
    finally:
        await producer.stop()
