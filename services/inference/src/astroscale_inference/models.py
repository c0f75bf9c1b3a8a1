"""What the slots of published models point at, and the models of them that are in memory."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from astroscale_shared.messaging import announcements
from astroscale_shared.messaging.announcements import Unreadable, Withdrawn
from astroscale_shared.registry.announcement import ModelAnnouncement, Previous
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_inference.domain.model import Model
from astroscale_inference.loading import Loader
from astroscale_inference.metrics import SlotMetrics

Said = ModelAnnouncement | Withdrawn | Unreadable

RETRY_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a slot points at and is not served, and why. again: what may load later, where the reason may pass."""

    what: str
    code: str
    message: str
    again: ModelAnnouncement | None = None


class Slot:
    """One slot: what it points at, and the model in memory for it.

    Readers take `current` once for each batch, so that no batch mixes versions. keeps: whether the model that serves
    stays when the slot moves on to one that is refused or to nothing; a slot whose model must be what it says does not.
    """

    def __init__(self, name: str, load: Loader, metrics: SlotMetrics, *, keeps: bool = True) -> None:
        self.name = name
        self.current: Model | None = None
        self.caught_up = False
        self.refusal: Refusal | None = None
        self._load = load
        self._metrics = metrics
        self._keeps = keeps
        self._turn = asyncio.Lock()
        self._log = logging.get("models")
        metrics.unserved.set(0)

    def unready(self) -> list[str]:
        """Why no model can serve."""
        if self.current is not None and self.caught_up:
            return []
        if not self.caught_up:
            return ["the topic of published models is not read to its end yet"]
        return self.notes() or [f"no model is published in slot {self.name}"]

    def notes(self) -> list[str]:
        """That what the slot points at is not served, if so."""
        if self.refusal is None:
            return []
        serving = f"{self.current.name} {self.current.version} serves" if self.current else "nothing serves"
        refusal = self.refusal
        return [f"{self.name} -> {refusal.what} refused: {refusal.code} ({refusal.message}); {serving}"]

    async def begin(self, history: Sequence[Said]) -> None:
        """Take the slot's state at the start: its last word, and where that cannot serve, the newest before it that can."""
        async with self._turn:
            if history:
                await self._hear(history[-1])
            for earlier in _earlier(history) if self._keeps else ():
                if self.current is not None:
                    break
                # What was refused in its time needs no word now.
                with contextlib.suppress(AstroScaleError):
                    self._serve(await asyncio.to_thread(self._load, earlier))
            self.caught_up = True

    async def hear(self, said: Said) -> None:
        """Take what is said of this slot into service, or refuse it."""
        async with self._turn:
            await self._hear(said)

    async def retry(self) -> None:
        """Try again what was refused for a reason that may have passed: a registry that did not answer, a version that
        is still being copied. What fails as before is neither counted nor logged again."""
        async with self._turn:
            if self.refusal is not None and self.refusal.again is not None:
                await self._take(self.refusal.again)

    def drop(self, model: Model, error: AstroScaleError) -> None:
        """Take a model out of memory that failed in use, if it is still there."""
        if self.current is model:
            self._refuse(Refusal(f"{model.name} {model.version}", error.code, error.message))

    async def _hear(self, said: Said) -> None:
        if isinstance(said, ModelAnnouncement):
            await self._take(said)
        elif isinstance(said, Unreadable):
            self._refuse(Refusal("something unreadable", said.error.code, said.error.message), log=False)
        elif self._keeps:
            self._refuse(Refusal("nothing", "slot_withdrawn", "the slot was emptied"))
        else:
            self._settle()
            self._leave()
            self._log.info("slot_emptied", slot=self.name)

    async def _take(self, said: ModelAnnouncement) -> None:
        try:
            model = await asyncio.to_thread(self._load, said)
        except AstroScaleError as error:
            passes = error.retryable or error.code == "model_not_found"
            refusal = Refusal(f"{said.name} {said.version}", error.code, error.message, said if passes else None)
            before = self.refusal
            if before is None or (before.again, before.code) != (said, error.code):
                self._refuse(refusal)
        else:
            self._settle()
            self._serve(model)

    def _serve(self, model: Model) -> None:
        self.current = model
        self._metrics.info.clear()
        self._metrics.info.labels(model.name, model.version).set(1)
        self._metrics.swaps.inc()
        self._log.info("model_served", slot=self.name, name=model.name, version=model.version, provider=model.provider)

    def _refuse(self, refusal: Refusal, *, log: bool = True) -> None:
        if not self._keeps:
            self._leave()
        self.refusal = refusal
        self._metrics.unserved.set(1)
        self._metrics.refused.labels(refusal.code).inc()
        if log:
            self._log.error(
                "model_refused",
                slot=self.name,
                what=refusal.what,
                code=refusal.code,
                reason=refusal.message,
                still_serving=self.current.version if self.current else None,
            )

    def _settle(self) -> None:
        self.refusal = None
        self._metrics.unserved.set(0)

    def _leave(self) -> None:
        self.current = None
        self._metrics.info.clear()


async def follow(kafka: KafkaSettings, slots: Sequence[Slot]) -> None:
    """Tell each slot what the topic says of it, now and for ever."""
    histories: dict[str, list[Said]] = {slot.name: [] for slot in slots}
    by_name = {slot.name: slot for slot in slots}
    caught_up = False
    async for said in announcements.follow(kafka):
        if said is None:
            for slot in slots:
                await slot.begin(histories[slot.name])
            caught_up = True
        elif said.slot in by_name:
            if caught_up:
                await by_name[said.slot].hear(said)
            else:
                histories[said.slot].append(said)


async def retry(slots: Sequence[Slot]) -> None:
    """Try again, for ever, what may have become possible."""
    while True:
        await asyncio.sleep(RETRY_S)
        for slot in slots:
            await slot.retry()


def _earlier(history: Sequence[Said]) -> list[ModelAnnouncement | Previous]:
    """What the slot pointed at before its last word, newest first, each once."""
    found: dict[tuple[str, str, str], ModelAnnouncement | Previous] = {}
    for number, said in enumerate(reversed(history)):
        if isinstance(said, ModelAnnouncement):
            for one in (said, *said.previous) if number else said.previous:
                found.setdefault((one.name, one.version, one.sha256), one)
    return list(found.values())
