"""Ingest one table: read in chunks, publish each chunk and its progress in one transaction.

Killed at any point and started again, it goes on after the last committed chunk: nothing is lost and nothing repeated.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from astroscale_shared.messaging import clients, headers, topics
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_ingestor import progress as runs
from astroscale_ingestor.convert import RawMessage, messages
from astroscale_ingestor.domain.mapping import ColumnMapping, map_columns
from astroscale_ingestor.progress import Progress
from astroscale_ingestor.readers.base import TableReader
from astroscale_ingestor.readers.formats import open_table

CHUNK_ROWS: Final = 6_144
"""Rows of one message: about 0.8 MB of the broker's 1 MiB with long identifiers."""

CHUNKS_A_TRANSACTION: Final = 8

_PARTITIONS: Final = next(topic.partitions for topic in topics.TABLE if topic.name == topics.RAW)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an ingest will do, before it runs."""

    path: Path
    reader: TableReader
    mapping: ColumnMapping


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
    state = _begin(what, known, again=again, chunk_rows=chunk_rows)
    producer = clients.producer(
        settings,
        transactional_id=f"astro.ingestor.{state.run_id}",
        transaction_timeout_ms=60_000,
        linger_ms=5,
    )
    await producer.start()
    try:
        # Another process may have ended this run between our look and our fencing it.
        state = (await runs.read(settings)).get(state.run_id, state)
        if state.finished:
            raise _finished(state)
        return await _publish(producer, what, state, chunk_rows, on_progress or (lambda _: None))
    except KafkaError as error:
        if not clients.was_fenced(producer, error):
            raise
        raise AstroScaleError("run_elsewhere", "another process ingests this file now; this one has stopped") from error
    finally:
        await producer.stop()


def _begin(what: Plan, known: Mapping[str, Progress], *, again: bool, chunk_rows: int) -> Progress:
    text = what.mapping.text()
    attempt = 0
    while True:
        run_id = runs.identity(what.path, mapping=text, chunk_rows=chunk_rows, attempt=attempt)
        entry = known.get(run_id)
        if entry is None:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            return Progress(run_id=run_id, file=what.path.name, attempt=attempt, mapping=text, started_at=now)
        if not entry.finished:
            return entry
        if not again:
            raise _finished(entry)
        attempt += 1


def _finished(entry: Progress) -> AstroScaleError:
    return AstroScaleError(
        "already_ingested",
        f"{entry.file} was ingested as run {entry.run_id} ({entry.rows} rows, {entry.updated_at}); --again repeats it",
    )


async def _publish(
    producer: AIOKafkaProducer, what: Plan, state: Progress, chunk_rows: int, on_progress: Callable[[Progress], None]
) -> Progress:
    columns = dict(what.mapping.columns)
    chunks = _groups(what.reader, columns, chunk_rows)
    digest = hashlib.sha256()
    for _ in range(state.chunks):
        group = await asyncio.to_thread(next, chunks, None)
        _digest(digest.update, group or [])
    if digest.hexdigest() != (state.digest or hashlib.sha256().hexdigest()):
        raise AstroScaleError(
            "file_changed", f"{state.file} is not what it was when run {state.run_id} began; --again starts a new run"
        )
    while True:
        # Reading and converting happen in a thread while the last transaction's messages are on their way.
        group = await asyncio.to_thread(next, chunks, None)
        if group is None:
            break
        await asyncio.to_thread(_digest, digest.update, group)
        state = state.model_copy(
            update={
                "chunks": state.chunks + 1,
                "rows": state.rows + sum(m.rows for m in group),
                "messages": state.messages + len(group),
                "digest": digest.hexdigest(),
            }
        )
        await _commit(producer, state, group)
        on_progress(state)
    state = state.model_copy(update={"finished": True})
    await _commit(producer, state, [])
    on_progress(state)
    return state


async def _commit(producer: AIOKafkaProducer, state: Progress, group: list[RawMessage]) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    first = state.messages - len(group)
    async with producer.transaction():
        sent = [
            await clients.send(
                producer,
                topics.RAW,
                message.value,
                partition=(first + i) % _PARTITIONS,
                headers=headers.write(content_type=message.content_type, rows=message.rows, run_id=state.run_id),
            )
            for i, message in enumerate(group)
        ]
        record = state.model_copy(update={"updated_at": now}).model_dump_json().encode()
        sent.append(await clients.send(producer, topics.INGEST_PROGRESS, record, key=state.run_id.encode()))
        await asyncio.gather(*sent)


def _groups(reader: TableReader, columns: dict[str, str], chunk_rows: int) -> Iterator[list[RawMessage]]:
    """The messages of several chunks at a time: one transaction's worth."""
    wanted = list(dict.fromkeys(columns.values()))
    group: list[RawMessage] = []
    chunks = 0
    for chunk in reader.chunks(wanted, chunk_rows):
        group += messages(chunk, columns)
        chunks += 1
        if chunks == CHUNKS_A_TRANSACTION:
            yield group
            group, chunks = [], 0
    if group:
        yield group


def _digest(update: Callable[[bytes], None], group: list[RawMessage]) -> None:
    for message in group:
        update(message.value)
