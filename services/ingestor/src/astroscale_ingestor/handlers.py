"""The drop folder: a file is taken once it is complete, once, even over restarts (the progress topic remembers)."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from aiokafka.errors import KafkaError
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_ingestor.ingest import ingest, plan
from astroscale_ingestor.metrics import IngestorMetrics
from astroscale_ingestor.progress import Progress
from astroscale_ingestor.readers.formats import SUFFIXES
from astroscale_ingestor.settings import IngestorSettings


@dataclass(frozen=True, slots=True)
class _Seen:
    size: int
    mtime_ns: int
    since: float


class DropFolder:
    """Ingests what appears in a folder."""

    def __init__(self, settings: IngestorSettings, kafka: KafkaSettings, metrics: IngestorMetrics) -> None:
        self._settings = settings
        self._kafka = kafka
        self._metrics = metrics
        self._log = logging.get("drop-folder")
        self._seen: dict[Path, _Seen] = {}
        self._done: dict[Path, tuple[int, int]] = {}
        self._active: dict[Path, asyncio.Task[None]] = {}
        self._turned: float | None = None

    def unready(self) -> list[str]:
        """Why the folder is not watched."""
        if self._turned is None:
            return ["the drop folder has not been looked at yet"]
        late = time.monotonic() - self._turned
        return [f"the drop folder has not been looked at for {late:.0f} s"] if late > 30 else []

    async def watch(self) -> None:
        """Look, take what is complete, for ever."""
        folder = self._settings.watch_dir
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        try:
            while True:
                for path in await asyncio.to_thread(self._complete, folder):
                    if len(self._active) < self._settings.concurrent_downloads:
                        self._active[path] = asyncio.create_task(self._take(path))
                self._active = {path: task for path, task in self._active.items() if not task.done()}
                self._metrics.active.set(len(self._active))
                self._turned = time.monotonic()
                await asyncio.sleep(self._settings.poll_seconds)
        finally:
            for task in self._active.values():
                task.cancel()
            await asyncio.gather(*self._active.values(), return_exceptions=True)

    def _complete(self, folder: Path) -> list[Path]:
        """Files that have not changed for `settle_seconds` and were not taken as they are now."""
        found: list[Path] = []
        now = time.monotonic()
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() not in SUFFIXES or path.name.startswith(".") or path in self._active:
                continue
            try:
                stat = path.stat()
            except FileNotFoundError:  # taken away between the listing and now
                continue
            if self._done.get(path) == (stat.st_size, stat.st_mtime_ns):
                continue
            seen = self._seen.get(path)
            if seen is None or (seen.size, seen.mtime_ns) != (stat.st_size, stat.st_mtime_ns):
                self._seen[path] = seen = _Seen(stat.st_size, stat.st_mtime_ns, now)
            if now - seen.since >= self._settings.settle_seconds:
                found.append(path)
        return found

    async def _take(self, path: Path) -> None:
        try:
            await self._ingest(path)
        except (KafkaError, OSError) as error:  # the broker or the file went away; the next look tries again
            self._metrics.files.labels("failed").inc()
            self._log.error("file_not_ingested", file=path.name, code=type(error).__name__, reason=str(error))

    async def _ingest(self, path: Path) -> None:
        stat = await asyncio.to_thread(path.stat)
        counted = Progress(run_id="", file=path.name)

        def count(state: Progress) -> None:
            nonlocal counted
            self._metrics.rows.inc(max(0, state.rows - counted.rows))
            self._metrics.messages.inc(max(0, state.messages - counted.messages))
            counted = state

        try:
            what = await asyncio.to_thread(plan, path)
            state = await ingest(self._kafka, what, on_progress=count)
        except AstroScaleError as error:
            if error.code == "already_ingested":
                self._done[path] = (stat.st_size, stat.st_mtime_ns)
                return
            self._metrics.files.labels("failed").inc()
            self._log.error("file_not_ingested", file=path.name, code=error.code, reason=error.message)
            if not error.retryable:
                self._done[path] = (stat.st_size, stat.st_mtime_ns)
            return
        self._done[path] = (stat.st_size, stat.st_mtime_ns)
        self._metrics.files.labels("ingested").inc()
        self._log.info("file_ingested", file=path.name, run_id=state.run_id, rows=state.rows)
