"""What the topics say about federations, for whoever asks: states, records of rounds, and how they go on."""

from collections.abc import AsyncGenerator

from aiokafka import TopicPartition
from astroscale_shared.messaging import clients, topics
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_federation import messages, wire
from astroscale_federation.messages import FederationState, RoundClosed

_REACH_S = 5.0


async def states(kafka: KafkaSettings) -> dict[str, FederationState]:
    """The present state of every federation, by id; AstroScaleError `kafka_unreachable`, `topic_missing`."""
    await clients.wait_for_broker(kafka, deadline=_REACH_S)
    found: dict[str, FederationState] = {}
    for record in await clients.read_to_end(kafka, topics.FEDERATION_STATE):
        state = messages.read(messages.STATES, wire.unpack(record.value)[0])
        found[state.federation] = state
    return found


async def state(kafka: KafkaSettings, federation: str) -> FederationState:
    """The present state of one; AstroScaleError `no_federation` where there is none of this id."""
    found = (await states(kafka)).get(federation)
    if found is None:
        raise AstroScaleError("no_federation", f"there is no federation {federation}: `astroscale federation list`")
    return found


async def records(kafka: KafkaSettings, federation: str) -> list[RoundClosed]:
    """The records of its closed rounds; one that was written again after a crash appears once."""
    found: dict[int, RoundClosed] = {}
    for record in await clients.read_to_end(kafka, topics.FEDERATION_ROUNDS):
        if record.key == federation.encode() and record.value and record.value.startswith(b"{"):
            message = messages.read(messages.ROUNDS, record.value)
            if isinstance(message, RoundClosed):
                found.setdefault(message.round, message)
    return [found[number] for number in sorted(found)]


async def follow(kafka: KafkaSettings, federation: str) -> AsyncGenerator[FederationState]:
    """Its states from the topic's beginning on, until it is over."""
    await clients.wait_for_broker(kafka, deadline=_REACH_S)
    client = clients.consumer(kafka, group_id=None)
    await client.start()
    try:
        partition = TopicPartition(topics.FEDERATION_STATE, 0)
        client.assign([partition])
        await client.seek_to_beginning(partition)
        while True:
            for found in (await client.getmany(partition, timeout_ms=500)).values():
                for record in found:
                    if record.key != federation.encode() or record.value is None:
                        continue
                    state = messages.read(messages.STATES, wire.unpack(record.value)[0])
                    yield state
                    if state.status in ("finished", "failed"):
                        return
    finally:
        await clients.stop(client)
