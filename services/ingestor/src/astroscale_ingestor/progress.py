"""How far a run is, on the progress topic; written in the transaction of the chunk that it counts."""

import hashlib
from pathlib import Path

from astroscale_shared.messaging import clients, topics
from astroscale_shared.messaging.contracts import Strict
from astroscale_shared.runtime.settings import KafkaSettings
from pydantic import ValidationError


class Progress(Strict):
    """Where one run stands.

    path, size, mtime_ns: the file when the run began (records of the first days lack them: "" and 0). chunk_rows: how
    it is cut into messages. digest: SHA-256 over all messages so far, however they were grouped into transactions.
    """

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
    path: str = ""
    size: int = 0
    mtime_ns: int = 0
    chunk_rows: int = 0


def run_id(path: Path, *, mapping: str, attempt: int) -> str:
    """The id of a run: two processes that ingest one file in the same way have the same, and one fences the other."""
    return hashlib.sha256(f"{path.resolve()}|{mapping}|{attempt}".encode()).hexdigest()[:16]


def first_days_id(path: Path, *, mapping: str, chunk_rows: int, attempt: int) -> str:
    """The id that a run of this file, as it is now, had when progress did not name path, size and time."""
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
