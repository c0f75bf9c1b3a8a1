"""The real broker and the real Redis that every other test builds on."""

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from redis.asyncio import Redis

from tests.support.servers import RunningKafka


async def test_a_record_comes_back_from_the_broker(kafka: RunningKafka, topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers, enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"a star")
    finally:
        await producer.stop()

    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        record = await consumer.getone()
    finally:
        await consumer.stop()

    assert record.value == b"a star"


async def test_each_topic_is_new_and_has_its_partitions(kafka: RunningKafka, make_topic) -> None:
    first, second = make_topic("stars", partitions=4), make_topic("stars", partitions=4)

    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    try:
        found = await admin.describe_topics([first, second])
    finally:
        await admin.close()

    assert {one["topic"]: len(one["partitions"]) for one in found} == {first: 4, second: 4}


async def test_redis_keeps_a_value(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as client:
        await client.set("star", "Sirius", ex=5)
        assert await client.get("star") == b"Sirius"
