"""The model in service, and the following of what is announced."""

import asyncio

from astroscale_shared.messaging import announcements
from astroscale_shared.registry.announcement import ModelAnnouncement
from astroscale_shared.registry.store import Registry
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_inference.domain import model as domain
from astroscale_inference.domain.model import Model
from astroscale_inference.metrics import InferenceMetrics


class ServedModel:
    """Holds the model of one slot; readers take `current` once for each batch, so that no batch mixes versions."""

    def __init__(self, registry: Registry, metrics: InferenceMetrics, *, slot: str, threads: int) -> None:
        self._registry = registry
        self._metrics = metrics
        self._threads = threads
        self._log = logging.get("models")
        self.slot = slot
        self.current: Model | None = None
        self.caught_up = False
        self.last_refusal: str | None = None

    def unready(self) -> list[str]:
        """Why no model can serve."""
        if self.current is not None and self.caught_up:
            return []
        if not self.caught_up:
            return ["the topic of published models is not read to its end yet"]
        refused = f"; last refusal: {self.last_refusal}" if self.last_refusal else ""
        return [f"no model is published in slot {self.slot}{refused}"]

    async def follow(self, kafka: KafkaSettings) -> None:
        """Load what the topic says, now and for ever."""
        pending: ModelAnnouncement | None = None
        async for announcement in announcements.follow(kafka):
            if announcement is not None and announcement.slot != self.slot:
                continue
            if isinstance(announcement, announcements.Withdrawn):
                continue  # something has to serve: the last good model stays
            if not self.caught_up and announcement is not None:
                # Only the slot's last state counts at the start; but a last one that is refused must not leave us bare.
                if pending is not None:
                    await self.take(pending, quiet=True)
                pending = announcement
                continue
            if announcement is None:
                if pending is not None:
                    await self.take(pending)
                self.caught_up = True
                continue
            await self.take(announcement)

    async def take(self, announcement: ModelAnnouncement, *, quiet: bool = False) -> None:
        """Take what is announced into service, or refuse it and keep what serves. quiet: without a word of it."""
        try:
            model = await asyncio.to_thread(self._load, announcement)
        except AstroScaleError as error:
            self.last_refusal = f"{announcement.name} {announcement.version}: {error.message}"
            if not quiet:
                self._metrics.model_refused.labels(error.code).inc()
                self._log.error(
                    "model_refused",
                    name=announcement.name,
                    version=announcement.version,
                    code=error.code,
                    reason=error.message,
                    still_serving=self.current.version if self.current else None,
                )
            return
        self.current = model
        self.last_refusal = None
        self._metrics.model_info.clear()
        self._metrics.model_info.labels(model.name, model.version).set(1)
        self._metrics.model_swaps.inc()
        self._log.info("model_served", slot=self.slot, name=model.name, version=model.version)

    def _load(self, announcement: ModelAnnouncement) -> Model:
        try:
            onnx, card = self._registry.load(announcement.name, announcement.version)
        except (OSError, UnicodeDecodeError) as error:
            raise AstroScaleError(
                "model_unreadable", f"{announcement.address} of the registry cannot be read: {error}"
            ) from error
        if card.onnx_sha256 != announcement.sha256:
            raise AstroScaleError(
                "model_hash_mismatch", f"{announcement.address} of the registry is not the version that was announced"
            )
        return domain.load(
            onnx,
            card,
            name=announcement.name,
            version=announcement.version,
            sha256=announcement.sha256,
            threads=self._threads,
        )
