"""Models: what the registry holds, and which slot points at which version."""

from dataclasses import dataclass
from datetime import datetime

from astroscale_shared.messaging import announcements, clients
from astroscale_shared.registry import DEFAULT_SLOT, ModelAnnouncement, ModelRef, Registry
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

Slots = dict[str, ModelAnnouncement]


@dataclass(frozen=True, slots=True)
class Entry:
    """One version. slots: those that point at it. in_registry is False for what was announced and is not there."""

    name: str
    version: str
    trained_at: datetime | None
    model_type: str
    encoding_version: int | None
    slots: tuple[str, ...]
    in_registry: bool

    @property
    def is_default(self) -> bool:
        """Whether it is the one to serve."""
        return DEFAULT_SLOT in self.slots


async def slots_of(settings: KafkaSettings) -> Slots:
    """What each slot points at; AstroScaleError `kafka_unreachable`."""
    await clients.wait_for_broker(settings, deadline=5.0)
    return await announcements.latest(settings)


def entries(registry: Registry, slots: Slots) -> list[Entry]:
    """Every version of the registry, newest first by name, and announced ones that the registry lacks."""
    pointing: dict[tuple[str, str], list[str]] = {}
    for slot, announced in sorted(slots.items()):
        pointing.setdefault((announced.name, announced.version), []).append(slot)
    found: list[Entry] = []
    for ref in registry.list():
        card = registry.read_card(ref)
        found.append(
            Entry(
                ref.name,
                ref.version,
                card.trained_at if card else None,
                card.model_type if card else "damaged",
                card.encoding_version if card else None,
                tuple(pointing.pop((ref.name, ref.version), ())),
                in_registry=True,
            )
        )
    found += [
        Entry(name, version, None, "not in this registry", None, tuple(names), in_registry=False)
        for (name, version), names in pointing.items()
    ]
    return sorted(found, key=lambda e: (e.name, -(e.trained_at.timestamp() if e.trained_at else 0.0)))


def named(text: str, version: str | None = None) -> tuple[str, str | None]:
    """`name`, `name@version` or `name/version` as name and version; AstroScaleError `usage` where both say a version."""
    name, separator, own = text.partition("@" if "@" in text else "/")
    if separator and version is not None:
        raise AstroScaleError("usage", f"{text} names a version already, so {version} is one too many")
    return name, own if separator else version


def choose(registry: Registry, slots: Slots, name: str, version: str | None) -> ModelRef:
    """The version that is meant; AstroScaleError `model_not_found`.

    Without a version the one announced under the model's own name, else the newest. A version may be abbreviated.
    """
    refs = [ref for ref in registry.list() if ref.name == name]
    if not refs:
        names = ", ".join(sorted({ref.name for ref in registry.list()})) or "none"
        raise AstroScaleError("model_not_found", f"no model {name} in the registry {registry.root}; there are: {names}")
    if version is not None:
        matching = [ref for ref in refs if ref.version.startswith(version)]
        if len(matching) != 1:
            there = ", ".join(ref.version for ref in refs)
            problem = "has no version" if not matching else "has several versions that begin with"
            raise AstroScaleError("model_not_found", f"model {name} {problem} {version}; there are: {there}")
        return matching[0]
    announced = slots.get(name)
    own = [ref for ref in refs if announced is not None and ref.version == announced.version]
    return own[0] if own else max(refs, key=lambda ref: _trained_at(registry, ref))


def _trained_at(registry: Registry, ref: ModelRef) -> float:
    card = registry.read_card(ref)
    return card.trained_at.timestamp() if card else 0.0


async def promote(
    settings: KafkaSettings, registry: Registry, slots: Slots, ref: ModelRef, slot: str
) -> ModelAnnouncement:
    """Point the slot at this version, once its hashes are verified; AstroScaleError `model_hash_mismatch`."""
    announcement = announcements.of(registry, ref, slot=slot).after(slots.get(slot))
    await announcements.announce(settings, announcement)
    return announcement


async def roll_back(settings: KafkaSettings, registry: Registry, slots: Slots, slot: str) -> ModelAnnouncement:
    """Point the slot at what it pointed at before its last change, and forget that change: again goes further back.

    Raises AstroScaleError `nothing_before`, or `model_not_found` where the registry does not hold it any more.
    """
    now = slots.get(slot)
    if now is None:
        raise AstroScaleError("nothing_before", f"slot {slot} points at nothing, so there is nothing to go back from")
    if not now.previous:
        raise AstroScaleError(
            "nothing_before", f"slot {slot} is {now.name} {now.version}; nothing is known before that"
        )
    before, *earlier = now.previous
    try:
        ref = choose(registry, {}, before.name, before.version)
        if ref.sha256 != before.sha256:
            raise AstroScaleError("model_hash_mismatch", f"{ref.location} is another graph than then")
        announcement = announcements.of(registry, ref, slot=slot).model_copy(update={"previous": tuple(earlier)})
    except AstroScaleError as error:
        others = ", ".join(f"{one.name} {one.version}" for one in earlier) or "nothing known"
        raise AstroScaleError(
            error.code,
            f"slot {slot} was {before.name} {before.version}, which cannot be served again: {error.message};"
            f" before that: {others}; `astroscale model promote` takes any",
        ) from error
    await announcements.announce(settings, announcement)
    return announcement


async def withdraw(settings: KafkaSettings, slot: str) -> None:
    """Let the slot point at nothing."""
    await announcements.withdraw(settings, slot)
