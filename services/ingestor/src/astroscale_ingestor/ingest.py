"""Ingest one table: read in chunks, publish each chunk and its progress in one transaction.

Killed at any point and started again, it goes on after the last committed chunk: nothing is lost and nothing repeated.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from aiokafka.errors import KafkaError
from astroscale_shared.messaging import clients, topics
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_ingestor import progress as runs
from astroscale_ingestor import resume
from astroscale_ingestor.domain.mapping import map_columns
from astroscale_ingestor.progress import Progress
from astroscale_ingestor.publishing import Publisher
from astroscale_ingestor.readers.formats import open_table
from astroscale_ingestor.reading import Group, Plan, Reading

CHUNK_ROWS: Final = 6_144
"""Rows of one message: about 0.8 MB of the broker's 1 MiB with long identifiers."""

TRANSACTION_TIMEOUT_MS: Final = 15_000
"""Readers of the raw topic stand still for so long where a command is killed within a transaction."""


def plan(path: Path, explicit: Mapping[str, str] | None = None) -> Plan:
    """Open the table and map its columns; AstroScaleError says what is wrong with it."""
    reader = open_table(path)
    return Plan(path, reader, map_columns(reader.names(), explicit or {}))


async def ingest(
    settings: KafkaSettings,
    what: Plan,
    *,
    again: bool = False,
    chunk_rows: int = CHUNK_ROWS,
    on_progress: Callable[[Progress], None] | None = None,
) -> Progress:
    """Publish a table to the raw topic; returns the finished run.

    AstroScaleError: `already_ingested` (unless `again`), `file_changed`, `run_elsewhere`, and what reading may raise.
    """
    await clients.wait_for_broker(settings, deadline=10.0)
    known = await runs.read(settings)
    state = await asyncio.to_thread(resume.begin, what, known, again=again, chunk_rows=chunk_rows)
    producer = clients.producer(
        settings,
        transactional_id=f"astro.ingestor.{state.run_id}",
        transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
        linger_ms=5,
    )
    await producer.start()
    try:
        # Another process may have gone on with this run, or ended it, between our look and our fencing it.
        found = (await runs.read(settings)).get(state.run_id)
        if found is not None:
            if found.finished:
                raise resume.already_ingested(found)
            state = resume.completed(what, found, chunk_rows)
            resume.require_unchanged(what, state)
        publisher = await Publisher.to(topics.RAW, producer)
        return await _publish(publisher, what, state, on_progress or (lambda _: None))
    except KafkaError as error:
        if not clients.was_fenced(producer, error):
            raise
        raise AstroScaleError("run_elsewhere", "another process ingests this file now; this one has stopped") from error
    finally:
        await producer.stop()


async def _publish(
    publisher: Publisher, what: Plan, state: Progress, on_progress: Callable[[Progress], None]
) -> Progress:
    reading = await asyncio.to_thread(resume.resume, what, state)

    ahead = _read(reading, what, state)
    while group := await ahead:
        # The next group is read while this one is committed: one ahead, so memory is bounded by two.
        ahead = _read(reading, what, state)
        state = state.model_copy(
            update={
                "chunks": state.chunks + group.chunks,
                "rows": state.rows + sum(m.rows for m in group.messages),
                "messages": state.messages + len(group.messages),
                "digest": group.digest,
            }
        )
        await publisher.commit(state, group.messages)
        on_progress(state)
    state = state.model_copy(update={"finished": True})
    await publisher.commit(state, [])
    on_progress(state)
    return state


def _read(reading: Reading, what: Plan, run: Progress) -> "asyncio.Task[Group | None]":
    def read() -> Group | None:
        group = reading.group()
        resume.require_unchanged(what, run)
        return group

    task = asyncio.create_task(asyncio.to_thread(read))
    # Where a commit fails, nobody asks for the group that was read meanwhile.
    task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return task
