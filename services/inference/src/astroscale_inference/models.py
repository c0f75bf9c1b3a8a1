"""What the slots of published models point at, and the models of them that are in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from astroscale_shared.messaging import announcements
from astroscale_shared.messaging.announcements import Unreadable, Withdrawn
from astroscale_shared.registry.announcement import ModelAnnouncement, Previous
from astroscale_shared.registry.store import Registry
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_inference.domain import model as domain
from astroscale_inference.domain.model import DEFAULT_PROVIDERS, Model
from astroscale_inference.metrics import SlotMetrics

Said = ModelAnnouncement | Withdrawn | Unreadable


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a slot points at and is not served, and why."""

    what: str
    code: str
    message: str


class Loader:
    """Brings a version from the registry into memory, checked whole."""

    def __init__(self, registry: Registry, *, threads: int = 1, providers: Sequence[str] = DEFAULT_PROVIDERS) -> None:
        self._registry = registry
        self._threads = threads
        self._providers = tuple(providers)

    def __call__(self, said: ModelAnnouncement | Previous) -> Model:
        """The model; AstroScaleError where it cannot be served, whatever the reason."""
        address = f"{said.name}/{said.version}"
        try:
            onnx, card = self._registry.load(said.name, said.version)
            if card.onnx_sha256 != said.sha256:
                raise AstroScaleError(
                    "model_hash_mismatch", f"{address} of the registry is not the version that was announced"
                )
            return domain.load(
                onnx,
                card,
                name=said.name,
                version=said.version,
                sha256=said.sha256,
                threads=self._threads,
                providers=self._providers,
            )
        except AstroScaleError:
            raise
        except Exception as error:  # whatever a damaged file brings about must not end a service that serves
            raise AstroScaleError("model_unreadable", f"{address} of the registry cannot be read: {error}") from error


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
        if history:
            await self.hear(history[-1])
        if self._keeps and self.current is None:
            for earlier in _earlier(history):
                try:
                    self._serve(await asyncio.to_thread(self._load, earlier))
                except AstroScaleError:
                    continue  # it was refused in its time
                break
        self.caught_up = True

    async def hear(self, said: Said) -> None:
        """Take what is said of this slot into service, or refuse it."""
        if isinstance(said, ModelAnnouncement):
            try:
                model = await asyncio.to_thread(self._load, said)
            except AstroScaleError as error:
                self._refuse(f"{said.name} {said.version}", error, name=said.name, version=said.version)
            else:
                self._settle()
                self._serve(model)
        elif isinstance(said, Unreadable):
            self._refuse("something unreadable", said.error, log=False)  # its reader has said so
        elif self._keeps:
            self._refuse("nothing", AstroScaleError("slot_withdrawn", "the slot was emptied"))
        else:
            self._settle()
            self._leave()
            self._log.info("slot_emptied", slot=self.name)

    def drop(self, model: Model, error: AstroScaleError) -> None:
        """Take a model out of memory that failed in use, if it is still there."""
        if self.current is model:
            self._refuse(f"{model.name} {model.version}", error, name=model.name, version=model.version)

    def _serve(self, model: Model) -> None:
        self.current = model
        self._metrics.info.clear()
        self._metrics.info.labels(model.name, model.version).set(1)
        self._metrics.swaps.inc()
        self._log.info("model_served", slot=self.name, name=model.name, version=model.version, provider=model.provider)

    def _refuse(self, what: str, error: AstroScaleError, *, log: bool = True, **fields: str) -> None:
        if not self._keeps:
            self._leave()
        self.refusal = Refusal(what, error.code, error.message)
        self._metrics.unserved.set(1)
        self._metrics.refused.labels(error.code).inc()
        if log:
            self._log.error(
                "model_refused",
                slot=self.name,
                **fields,
                code=error.code,
                reason=error.message,
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


def _earlier(history: Sequence[Said]) -> list[ModelAnnouncement | Previous]:
    """What the slot pointed at before its last word, newest first, each once."""
    found: dict[tuple[str, str, str], ModelAnnouncement | Previous] = {}
    for number, said in enumerate(reversed(history)):
        if isinstance(said, ModelAnnouncement):
            for one in (said, *said.previous) if number else said.previous:
                found.setdefault((one.name, one.version, one.sha256), one)
    return list(found.values())
