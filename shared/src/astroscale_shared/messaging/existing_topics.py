"""What topics that are there already lack: partitions, and settings that nobody has set.

What an operator has set otherwise stays as it is, and is said. The client library knows only the request that replaces all
of a topic's own settings, so what is there is read first and sent along.
"""

from collections.abc import Sequence
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from astroscale_shared.messaging.topics import Topic
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError

_OF_THE_TOPIC: Final = 1
"""Where a setting comes from: the topic's own, not the broker's or a default."""


async def adapt(admin: AIOKafkaAdminClient, table: Sequence[Topic]) -> None:
    """Give the topics of `table`, all of which are there, the partitions and settings that they lack.

    AstroScaleError `topic_not_adapted` where the broker refuses.
    """
    log = logging.get("provisioning")
    if not table:
        return
    counts = {
        found["topic"]: len(found["partitions"]) for found in await admin.describe_topics([t.name for t in table])
    }
    fewer = {t.name: t.partitions for t in table if counts.get(t.name, t.partitions) < t.partitions}
    if fewer:
        await admin.create_partitions({name: NewPartitions(count) for name, count in fewer.items()})
        log.info("partitions_added", topics={name: [counts[name], count] for name, count in fewer.items()})
    own = await _own_settings(admin, table)
    for topic in table:
        there = own.get(topic.name, {})
        missing = {name: value for name, value in topic.config.items() if name not in there}
        other = {name: there[name] for name, value in topic.config.items() if there.get(name, value) != value}
        if other:
            log.info("topic_set_otherwise", topic=topic.name, settings=other)
        if missing:
            await _replace(admin, topic.name, there | missing)
            log.info("settings_added", topic=topic.name, settings=missing)


async def _own_settings(admin: AIOKafkaAdminClient, table: Sequence[Topic]) -> dict[str, dict[str, str]]:
    answers: Any = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, t.name) for t in table])
    own: dict[str, dict[str, str]] = {}
    for answer in answers:
        for code, message, _, name, entries in answer.resources:
            _raise(name, code, message)
            own[name] = {entry[0]: entry[1] for entry in entries if entry[3] == _OF_THE_TOPIC}
    return own


async def _replace(admin: AIOKafkaAdminClient, name: str, settings: dict[str, str]) -> None:
    answers: Any = await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, settings)])
    for answer in answers:
        for code, message, _, topic in answer.resources:
            _raise(topic, code, message)


def _raise(topic: str, code: int, message: str | None) -> None:
    if code:
        raise AstroScaleError("topic_not_adapted", f"topic {topic}: {for_code(code).__name__}: {message or ''}")
