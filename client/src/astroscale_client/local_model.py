"""Predictions without a running system: which model, and its graph in this process."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from astroscale_shared.messaging import announcements, clients
from astroscale_shared.registry import DEFAULT_SLOT, ModelRef, Registry, open_registry
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings, RegistrySettings

from astroscale_client import models, pipeline, plugins

_KAFKA_S: Final = 1.0
_NOT_THERE: Final = ("kafka_unreachable", "topic_missing")


@dataclass(frozen=True, slots=True)
class Chosen:
    """A version, where it is, and why this one."""

    registry: Registry
    ref: ModelRef
    why: str

    def __str__(self) -> str:
        return f"{self.ref.name} {self.ref.version}, {self.why}"


def choose(wanted: str | None) -> Chosen:
    """The version NAME[@VERSION], else the one of slot `default` where Kafka tells, else the newest `default` of the
    registry, else the one that is shipped. AstroScaleError `model_not_found`."""
    settings = RegistrySettings.load()
    places = {"in the registry": open_registry(settings), "shipped with the project": Registry(settings.shipped)}
    slots = _slots()
    if wanted is not None:
        name, version = models.named(wanted)
        return _first(places, slots or {}, name, version, "as asked, ")
    announced = (slots or {}).get(DEFAULT_SLOT)
    if announced is not None:
        return _first(places, {}, announced.name, announced.version, f"slot {DEFAULT_SLOT}, ")
    known = "nothing is announced" if slots is not None else "no Kafka tells the slot"
    return _first(places, {}, DEFAULT_SLOT, None, f"{known}: the newest, ")


def scorer(chosen: Chosen) -> pipeline.Score:
    """The model in this process. AstroScaleError `not_installed`, or those of the registry and of a graph that is
    refused."""
    open_scorer: Callable[..., Callable[[Mapping[str, Any]], Any]] = plugins.scorer()
    ref = chosen.ref
    onnx, card = chosen.registry.load(ref.name, ref.version)
    score = open_scorer(onnx, card, name=ref.name, version=ref.version, sha256=card.onnx_sha256)

    async def in_thread(numbers: Mapping[str, Any]) -> Any:
        return await asyncio.to_thread(score, numbers)

    return in_thread


def _slots() -> models.Slots | None:
    async def ask() -> models.Slots:
        kafka = KafkaSettings.load()
        await clients.wait_for_broker(kafka, deadline=_KAFKA_S)
        return await announcements.latest(kafka)

    try:
        return asyncio.run(ask())
    except AstroScaleError as error:
        if error.code not in _NOT_THERE:
            raise
        return None


def _first(places: Mapping[str, Registry], slots: models.Slots, name: str, version: str | None, why: str) -> Chosen:
    errors: list[AstroScaleError] = []
    for where, registry in places.items():
        try:
            return Chosen(registry, models.choose(registry, slots, name, version), f"{why}{where} ({registry.root})")
        except AstroScaleError as error:
            if error.code != "model_not_found":
                raise
            errors.append(error)
    raise AstroScaleError("model_not_found", _all(errors))


def _all(errors: Sequence[AstroScaleError]) -> str:
    return "; ".join(error.message for error in errors) + " (ASTROSCALE_REGISTRY__ROOT says where models are)"
