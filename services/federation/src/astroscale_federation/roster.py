"""Which workers are there, by when they were heard last."""

from collections.abc import Iterable
from dataclasses import dataclass

from astroscale_federation.messages import WorkerNotice


@dataclass(slots=True)
class _Entry:
    notice: WorkerNotice
    heard: float
    missed: bool = False


class Roster:
    """Times are seconds of one monotonic clock."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout = timeout_s
        self._entries: dict[str, _Entry] = {}

    def hear(self, notice: WorkerNotice, now: float) -> bool:
        """Take note of a notice; whether this is a new life of the worker."""
        known = self._entries.get(notice.worker)
        if notice.type == "worker.left":
            if known is not None and known.notice.session == notice.session:
                del self._entries[notice.worker]
            return False
        self._entries[notice.worker] = _Entry(notice, now)
        return known is None or known.notice.session != notice.session

    def miss(self, workers: Iterable[str]) -> None:
        """They let a deadline pass: they count as gone until they are heard again."""
        for worker in workers:
            if worker in self._entries:
                self._entries[worker].missed = True

    def live(self, now: float) -> dict[str, WorkerNotice]:
        """The workers that are there, by name."""
        return {
            name: self._entries[name].notice
            for name in sorted(self._entries)
            if not self._entries[name].missed and now - self._entries[name].heard <= self._timeout
        }
