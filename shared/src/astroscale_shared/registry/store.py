"""Models at `<root>/<name>/<version>/{model.onnx, card.json, SHA256SUMS}`, addressed by content, immutable."""

import re
from dataclasses import dataclass
from pathlib import Path

from astroscale_shared.registry.card import ModelCard
from astroscale_shared.registry.files import CARD_FILE, MODEL_FILE, SUMS_FILE, Files, Folder, read_sums, sha256
from astroscale_shared.runtime.errors import AstroScaleError

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_VERSION = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class ModelRef:
    """One version of one model. sha256 is of model.onnx, version its first 12 digits, location where it is stored."""

    name: str
    version: str
    sha256: str
    location: str

    @property
    def address(self) -> str:
        """Where it is in any registry: `<name>/<version>`."""
        return f"{self.name}/{self.version}"

    @property
    def path(self) -> Path:
        """Its folder, where the registry is one; AstroScaleError `no_folder` otherwise."""
        if "://" in self.location:
            raise AstroScaleError("no_folder", f"{self.location} is no folder")
        return Path(self.location)


def version_of(onnx: bytes) -> str:
    """The version of a graph: the first 12 hexadecimal digits of its SHA-256."""
    return sha256(onnx)[:12]


class Registry:
    """A registry in a folder, which need not exist before something is published, or in another place."""

    def __init__(self, place: Path | Files) -> None:
        self._files: Files = Folder(place) if isinstance(place, Path) else place

    @property
    def root(self) -> str:
        """The folder or address, for people."""
        return self._files.root

    def publish(self, name: str, onnx: bytes, card: ModelCard) -> ModelRef:
        """Store a graph and its card; the same bytes again change nothing and the first card stays.

        Name, version and hash of the card are written here. Raises AstroScaleError `bad_model_name`, or
        `model_hash_mismatch` where this version is there already and damaged.
        """
        version = version_of(onnx)
        own = card.model_copy(update={"name": name, "version": version, "onnx_sha256": sha256(onnx)})
        return self._store(name, version, onnx, own.to_bytes())

    def load(self, name: str, version: str) -> tuple[bytes, ModelCard]:
        """The graph and the card of a version, both verified.

        Raises AstroScaleError `model_not_found`, `model_unreadable`, `model_hash_mismatch`, `bad_model_card` or
        `bad_model_name`; a bucket may also be `registry_unreachable` or `registry_refused`.
        """
        onnx, card = self._read_verified(_address(name, version))
        return onnx, ModelCard.from_bytes(card)

    def read_card(self, ref: ModelRef) -> ModelCard | None:
        """The card for a list, unverified; None where it cannot be read."""
        try:
            return ModelCard.from_bytes(self._files.read(_address(ref.name, ref.version), CARD_FILE))
        except (OSError, AstroScaleError):
            return None

    def list(self) -> tuple[ModelRef, ...]:
        """All versions by name and version; hashes as SHA256SUMS claims them, verified only by `load`."""
        found: list[ModelRef] = []
        for address in sorted(self._files.versions()):
            name, _, version = address.partition("/")
            if _VERSION.fullmatch(version) and _NAME.fullmatch(name):
                found.append(ModelRef(name, version, self._claimed(address), self._files.location(address)))
        return tuple(found)

    def import_folder(self, source: Path) -> tuple[ModelRef, ...]:
        """Copy the models of another registry's folder, each verified first; none where the folder is absent.

        Raises AstroScaleError `model_hash_mismatch` or `bad_model_card`; models copied before that stay.
        """
        imported: list[ModelRef] = []
        other = Registry(source)
        for ref in other.list():
            onnx, card = other._read_verified(ref.address)
            ModelCard.from_bytes(card)
            imported.append(self._store(ref.name, ref.version, onnx, card))
        return tuple(imported)

    def _store(self, name: str, version: str, onnx: bytes, card: bytes) -> ModelRef:
        address = _address(name, version)
        self._files.write(address, onnx, card)
        self._read_verified(address)
        return ModelRef(name, version, sha256(onnx), self._files.location(address))

    def _read(self, address: str, file: str) -> bytes:
        try:
            return self._files.read(address, file)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise AstroScaleError("model_not_found", f"model {address}: {file} is not in the registry") from error

    def _read_sums(self, address: str) -> dict[str, str]:
        try:
            return read_sums(self._read(address, SUMS_FILE))
        except UnicodeDecodeError as error:
            raise AstroScaleError("model_unreadable", f"model {address}: {SUMS_FILE} is no text") from error

    def _claimed(self, address: str) -> str:
        """The hash of the graph, as SHA256SUMS says; nothing where that cannot be read: it is listed all the same."""
        try:
            return self._read_sums(address).get(MODEL_FILE, "")
        except AstroScaleError as error:
            if error.code != "model_unreadable":
                raise
            return ""

    def _read_verified(self, address: str) -> tuple[bytes, bytes]:
        """model.onnx and card.json, each as SHA256SUMS says, and the graph as its version says."""
        sums = self._read_sums(address)
        onnx, card = self._read(address, MODEL_FILE), self._read(address, CARD_FILE)
        for file, data in ((MODEL_FILE, onnx), (CARD_FILE, card)):
            if sums.get(file) != sha256(data):
                raise AstroScaleError("model_hash_mismatch", f"model {address}: {file} is not what {SUMS_FILE} says")
        if version_of(onnx) != address.partition("/")[2]:
            raise AstroScaleError("model_hash_mismatch", f"model {address}: {MODEL_FILE} is another version")
        return onnx, card


def check_name(name: str) -> None:
    """AstroScaleError `bad_model_name`. Names come from topics: only a plain one may become part of a path."""
    if not _NAME.fullmatch(name):
        raise AstroScaleError("bad_model_name", f"{name!r} is no model name: a-z, 0-9, '.', '_' and '-' only")


def _address(name: str, version: str) -> str:
    check_name(name)
    if not _VERSION.fullmatch(version):
        raise AstroScaleError("model_not_found", f"{version!r} is no version: 12 hexadecimal digits are")
    return f"{name}/{version}"
