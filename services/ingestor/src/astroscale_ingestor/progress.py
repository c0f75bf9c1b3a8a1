"""How far a run is, on the progress topic; written in the transaction of the chunk that it counts."""

import hashlib
from pathlib import Path

from astroscale_shared.messaging import clients, topics
from astroscale_shared.messaging.contracts import Strict
from astroscale_shared.runtime.settings import KafkaSettings
from pydantic import ValidationError


class Progress(Strict):
    """Where one run stands. digest: SHA-256 over the messages of all chunks so far."""

    run_id: str
    file: str
    attempt: int = 0
    chunks: int = 0
    rows: int = 0
    messages: int = 0
    digest: str = ""
    finished: bool = False
    mapping: str = ""
    started_at: str = ""
    updated_at: str = ""


def identity(path: Path, *, mapping: str, chunk_rows: int, attempt: int) -> str:
    """The id of a run: the same file, unchanged, read in the same way."""
    stat = path.stat()
    text = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{mapping}|{chunk_rows}|{attempt}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


async def read(settings: KafkaSettings) -> dict[str, Progress]:
    """The latest progress of each run."""
    latest: dict[str, Progress] = {}
    for message in await clients.read_to_end(settings, topics.INGEST_PROGRESS):
        try:
            entry = Progress.model_validate_json(message.value or b"")
        except ValidationError:
            continue  # a tombstone, or a record of another version: not a run that we could continue
        latest[entry.run_id] = entry
    return latest
