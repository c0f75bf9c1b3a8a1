"""Which run an ingest goes on with, and when it may not: a file is published once, and as one thing."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from astroscale_shared.runtime.errors import AstroScaleError

from astroscale_ingestor.progress import Progress, first_days_id, run_id
from astroscale_ingestor.reading import Plan, Reading

_NOTHING: Final = hashlib.sha256().hexdigest()


def begin(plan: Plan, known: Mapping[str, Progress], *, again: bool, chunk_rows: int) -> Progress:
    """The run to go on with, of those `known` or a new one. May read the file: not for the event loop.

    A run's file is known by path and mapping. An open run goes on where the file is what it was; a finished one is
    repeated only `again`. AstroScaleError: `file_changed`, `already_ingested`.
    """
    last = _last(plan, known, chunk_rows)
    if last is None:
        return _new(plan, 0, chunk_rows)
    last = completed(plan, last, chunk_rows)
    change = _change(plan, last)
    if last.finished:
        if again:
            return _new(plan, last.attempt + 1, chunk_rows)
        if change is None or _same_content(plan, last):
            raise already_ingested(last)
        raise AstroScaleError(
            "file_changed",
            f"{last.file} has changed since it was ingested as run {last.run_id} ({last.rows} rows, "
            f"{last.updated_at}): {change}; --again publishes all of it as it is now",
        )
    if again and (change or Reading(plan, last.chunk_rows).skip(last.messages) != (last.digest or _NOTHING)):
        return _new(plan, last.attempt + 1, chunk_rows)
    require_unchanged(plan, last)
    return last


def completed(plan: Plan, run: Progress, chunk_rows: int) -> Progress:
    """A run of the first days with the file that its id vouches for; any other run as it is."""
    return run if run.path else _now(plan, run, chunk_rows)


def require_unchanged(plan: Plan, run: Progress) -> None:
    """AstroScaleError `file_changed` where size or time are not what they were when the run began."""
    change = _change(plan, run)
    if change:
        raise _changed(run, change)


def resume(plan: Plan, run: Progress) -> Reading:
    """The file, read up to where the run stands. AstroScaleError `file_changed` where it read otherwise then."""
    reading = Reading(plan, run.chunk_rows)
    if reading.skip(run.messages) != (run.digest or _NOTHING):
        raise _changed(run, f"its first {run.rows} rows are others")
    return reading


def already_ingested(run: Progress) -> AstroScaleError:
    """What is said of a finished run."""
    return AstroScaleError(
        "already_ingested",
        f"{run.file} was ingested as run {run.run_id} ({run.rows} rows, {run.updated_at}); --again repeats it",
    )


def _changed(run: Progress, change: str) -> AstroScaleError:
    return AstroScaleError(
        "file_changed",
        f"{run.file} is not what it was when run {run.run_id} began: {change}; --again starts a new run over all of it",
    )


def _last(plan: Plan, known: Mapping[str, Progress], chunk_rows: int) -> Progress | None:
    path, mapping = str(plan.path.resolve()), plan.mapping.text()
    runs = [run for run in known.values() if run.path == path and run.mapping == mapping]
    attempt = 0
    while old := known.get(first_days_id(plan.path, mapping=mapping, chunk_rows=chunk_rows, attempt=attempt)):
        runs.append(old)
        attempt += 1
    return max(runs, key=lambda run: run.attempt, default=None)


def _new(plan: Plan, attempt: int, chunk_rows: int) -> Progress:
    mapping = plan.mapping.text()
    made = Progress(
        run_id=run_id(plan.path, mapping=mapping, attempt=attempt),
        file=plan.path.name,
        attempt=attempt,
        mapping=mapping,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return _now(plan, made, chunk_rows)


def _now(plan: Plan, run: Progress, chunk_rows: int) -> Progress:
    stat = plan.path.stat()
    seen = {"path": str(plan.path.resolve()), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    return run.model_copy(update=seen | {"chunk_rows": chunk_rows})


def _change(plan: Plan, run: Progress) -> str | None:
    stat = plan.path.stat()
    if stat.st_size != run.size:
        return f"it has {stat.st_size} bytes and had {run.size}"
    if stat.st_mtime_ns != run.mtime_ns:
        return f"it was written {_time(stat.st_mtime_ns)}, before that {_time(run.mtime_ns)}"
    return None


def _time(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="milliseconds")


def _same_content(plan: Plan, run: Progress) -> bool:
    """Whether a file that was touched reads as it did: it is read whole."""
    return plan.path.stat().st_size == run.size and Reading(plan, run.chunk_rows).skip() == (run.digest or _NOTHING)
