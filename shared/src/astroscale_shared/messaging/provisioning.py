"""`python -m astroscale_shared.messaging.provisioning`: create what is missing, and nothing else. Idempotent.

Creates the topics of the one table, adds partitions where a topic has fewer and settings that it has not got, brings the
shipped models into the registry and, on a new system, announces the shipped model as `default`.
"""

import asyncio
import sys
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from astroscale_shared.messaging import announcements, clients, existing_topics, topics
from astroscale_shared.registry import DEFAULT_SLOT, open_registry
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings, RegistrySettings


@dataclass(frozen=True, slots=True)
class Report:
    """What provisioning did."""

    topics_created: list[str]
    default_model: str


async def create_topics(settings: KafkaSettings, table: tuple[topics.Topic, ...] = topics.TABLE) -> list[str]:
    """Create the topics that are missing, and give the others what they lack; returns the names of the new ones."""
    await clients.wait_for_broker(settings)
    admin = clients.admin(settings)
    await admin.start()
    try:
        there = set(await admin.list_topics())
        missing = [topic for topic in table if topic.name not in there]
        if missing:
            answer: Any = await admin.create_topics(
                [
                    NewTopic(t.name, t.partitions, settings.replication_factor, topic_configs=dict(t.config))
                    for t in missing
                ]
            )
            for name, code, *_ in answer.topic_errors:
                if code and for_code(code) is not TopicAlreadyExistsError:
                    raise AstroScaleError("topic_not_created", f"topic {name}: {for_code(code).__name__}")
        await existing_topics.adapt(admin, [topic for topic in table if topic.name in there])
        return [topic.name for topic in missing]
    finally:
        await admin.close()


async def provision(kafka: KafkaSettings, registry: RegistrySettings) -> Report:
    """Topics, shipped models, and the default model where none is announced."""
    created = await create_topics(kafka)
    store = open_registry(registry)
    shipped = store.import_folder(registry.shipped)
    current = await announcements.latest(kafka)
    if DEFAULT_SLOT in current:
        return Report(created, f"{current[DEFAULT_SLOT].name} {current[DEFAULT_SLOT].version}")
    default = [ref for ref in shipped if ref.name == DEFAULT_SLOT]
    if not default:
        raise AstroScaleError("no_shipped_model", f"no model named {DEFAULT_SLOT} under {registry.shipped}")
    # A release ships one; where a folder holds several, the newest by training date is the one that is meant.
    newest = max(default, key=lambda ref: store.load(ref.name, ref.version)[1].trained_at)
    await announcements.announce(kafka, announcements.of(store, newest, slot=DEFAULT_SLOT))
    return Report(created, f"{newest.name} {newest.version}")


def main() -> int:
    """Run it; exit code 0 when all is there, 1 with one line when not."""
    logging.configure("provisioning")
    log = logging.get("provisioning")
    try:
        report = asyncio.run(provision(KafkaSettings.load(), RegistrySettings.load()))
    except AstroScaleError as error:
        log.error("not_provisioned", code=error.code, reason=error.message)
        return 1
    log.info("provisioned", topics_created=report.topics_created, default_model=report.default_model)
    return 0


if __name__ == "__main__":
    sys.exit(main())
