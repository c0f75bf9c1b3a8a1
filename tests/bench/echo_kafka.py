"""The reference at one caller: a bare round trip over the same broker.

`python -m tests.bench.echo_kafka serve BOOTSTRAP THERE BACK` echoes until it is stopped.
`python -m tests.bench.echo_kafka call BOOTSTRAP THERE BACK ROUNDS BYTES` prints the rounds' seconds as JSON.
Clients have the options of the gateway's own (acks 1, no linger, no compression), and nothing else is done.
"""

import asyncio
import json
import sys
import time
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition


async def _clients(bootstrap: str, topic: str) -> tuple[Any, Any, TopicPartition]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks=1, linger_ms=0)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False)
    await producer.start()
    await consumer.start()
    tp = TopicPartition(topic, 0)
    consumer.assign([tp])
    consumer.seek(tp, (await consumer.end_offsets([tp]))[tp])
    return producer, consumer, tp


async def serve(bootstrap: str, there: str, back: str) -> None:
    """Echo for ever."""
    producer, consumer, tp = await _clients(bootstrap, there)
    print("ready", flush=True)
    while True:
        for message in (await consumer.getmany(tp, timeout_ms=1000)).get(tp, []):
            await producer.send(back, message.value, headers=list(message.headers))


async def call(bootstrap: str, there: str, back: str, rounds: int, size: int) -> list[float]:
    """Seconds of each round trip."""
    producer, consumer, tp = await _clients(bootstrap, back)
    value, seconds = b"x" * size, list[float]()
    for number in range(-20, rounds):  # the first ones warm up
        began = time.perf_counter()
        key = str(number).encode()
        await producer.send(there, value, headers=[("correlation-id", key)])
        found = False
        while not found:
            messages = (await consumer.getmany(tp, timeout_ms=1000)).get(tp, [])
            found = any(dict(message.headers)["correlation-id"] == key for message in messages)
        if number >= 0:
            seconds.append(time.perf_counter() - began)
    await producer.stop()
    await consumer.stop()
    return seconds


def main() -> None:
    """Command line."""
    role, bootstrap, there, back = sys.argv[1:5]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if role == "serve":
            runner.run(serve(bootstrap, there, back))
        else:
            print(json.dumps(runner.run(call(bootstrap, there, back, int(sys.argv[5]), int(sys.argv[6])))))


if __name__ == "__main__":
    main()
