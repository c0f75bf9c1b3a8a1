"""A model on its way into the registry: read from where it was made, and checked before anyone hears of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from astroscale_shared.messaging import announcements
from astroscale_shared.registry import DEFAULT_SLOT, SHADOW_SLOT, ModelAnnouncement, ModelCard, ModelRef, Registry
from astroscale_shared.registry.files import CARD_FILE, MODEL_FILE, SUMS_FILE, read_sums, sha256
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings
from astroscale_shared.stars.encoding import ENCODING_VERSION

from astroscale_client.models import Slots

SERVED_SLOTS: Final = frozenset({DEFAULT_SLOT, SHADOW_SLOT})
"""Slots that inference follows: to announce a model there is to promote it, whatever its name."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that has passed every check that needs no ONNX Runtime; inference checks the graph."""

    name: str
    onnx: bytes
    card: ModelCard


@dataclass(frozen=True, slots=True)
class Published:
    """Where it is now. is_new: the registry did not hold it. announcement: of the slot of its own name, if any."""

    ref: ModelRef
    is_new: bool
    announcement: ModelAnnouncement | None


def read(path: Path, card_file: Path | None, name: str | None) -> Candidate:
    """The model in a folder (model.onnx, card.json, maybe SHA256SUMS), or an ONNX file and its card.

    name: by default the card's. Raises AstroScaleError `usage`, `bad_model_card`, `model_hash_mismatch`,
    `model_encoding_mismatch` or `model_parity_failed`.
    """
    if path.is_dir():
        if card_file is not None:
            raise AstroScaleError("usage", f"--card goes with an ONNX file; {path} is a folder with a card of its own")
        onnx, card_bytes = _bytes(path / MODEL_FILE), _bytes(path / CARD_FILE)
        _check_sums(path, {MODEL_FILE: onnx, CARD_FILE: card_bytes})
    elif card_file is None:
        raise AstroScaleError("usage", f"{path} is no folder; an ONNX file needs --card with its card.json")
    else:
        onnx, card_bytes = _bytes(path), _bytes(card_file)
    card = ModelCard.from_bytes(card_bytes)
    _check_card(card, onnx)
    chosen = name or card.name
    if not chosen:
        raise AstroScaleError("usage", "the card has no name; give one by --name")
    return Candidate(chosen, onnx, card)


async def publish(settings: KafkaSettings, registry: Registry, slots: Slots, candidate: Candidate) -> Published:
    """Store it and announce the slot of its own name, which no inference serves unless it is set to."""
    before = registry.list()
    ref = registry.publish(candidate.name, candidate.onnx, candidate.card)
    announcement = None
    if ref.name not in SERVED_SLOTS:
        announcement = announcements.of(registry, ref).after(slots.get(ref.name))
        await announcements.announce(settings, announcement)
    return Published(ref, ref not in before, announcement)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise AstroScaleError("usage", f"{file} cannot be read: {error.strerror}") from error


def _check_sums(folder: Path, files: dict[str, bytes]) -> None:
    if not (folder / SUMS_FILE).exists():
        return
    try:
        claimed = read_sums(_bytes(folder / SUMS_FILE))
    except UnicodeDecodeError as error:
        raise AstroScaleError("model_hash_mismatch", f"{folder / SUMS_FILE} is no text") from error
    for name, data in files.items():
        if claimed.get(name) != sha256(data):
            raise AstroScaleError("model_hash_mismatch", f"{folder / name} is not what {SUMS_FILE} says")


def _check_card(card: ModelCard, onnx: bytes) -> None:
    if card.onnx_sha256 and card.onnx_sha256 != sha256(onnx):
        raise AstroScaleError("model_hash_mismatch", "the card is of another graph: its onnx_sha256 is not this one's")
    if card.encoding_version != ENCODING_VERSION:
        raise AstroScaleError(
            "model_encoding_mismatch",
            f"the model wants encoding {card.encoding_version}; this system encodes {ENCODING_VERSION}",
        )
    parity = card.parity
    if not parity.passed or parity.max_error_kms > parity.tolerance_kms:
        raise AstroScaleError("model_parity_failed", "the card says that the graph did not pass its parity gate")
