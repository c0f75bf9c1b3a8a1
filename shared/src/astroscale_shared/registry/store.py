"""Models in a folder: `<root>/<name>/<version>/{model.onnx, card.json, SHA256SUMS}`, addressed by content, immutable."""

import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from astroscale_shared.registry.card import ModelCard
from astroscale_shared.runtime.errors import AstroScaleError

MODEL_FILE: Final = "model.onnx"
CARD_FILE: Final = "card.json"
SUMS_FILE: Final = "SHA256SUMS"

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_VERSION = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class ModelRef:
    """One version of one model. sha256 is of model.onnx, version its first 12 digits, path its folder."""

    name: str
    version: str
    sha256: str
    path: Path

    @property
    def address(self) -> str:
        """Where it is in any registry: `<name>/<version>`."""
        return f"{self.name}/{self.version}"


def version_of(onnx: bytes) -> str:
    """The version of a graph: the first 12 hexadecimal digits of its SHA-256."""
    return _sha256(onnx)[:12]


class Registry:
    """A registry in a folder, which need not exist before something is published."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def publish(self, name: str, onnx: bytes, card: ModelCard) -> ModelRef:
        """Store a graph and its card; the same bytes again change nothing and the first card stays.

        Name, version and hash of the card are written here. Raises AstroScaleError `bad_model_name`, or
        `model_hash_mismatch` where this version is there already and damaged.
        """
        sha256 = _sha256(onnx)
        own = card.model_copy(update={"name": name, "version": sha256[:12], "onnx_sha256": sha256})
        return self._store(name, sha256[:12], onnx, own.to_bytes())

    def load(self, name: str, version: str) -> tuple[bytes, ModelCard]:
        """The graph and the card of a version, both verified.

        Raises AstroScaleError `model_not_found`, `model_hash_mismatch`, `bad_model_card` or `bad_model_name`.
        """
        onnx, card = _read_verified(self._folder(name, version), name, version)
        return onnx, ModelCard.from_bytes(card)

    def list(self) -> tuple[ModelRef, ...]:
        """All versions by name and version; hashes as SHA256SUMS claims them, verified only by `load`."""
        found: list[ModelRef] = []
        for sums in sorted(self.root.glob(f"*/*/{SUMS_FILE}")):
            version, name = sums.parent.name, sums.parent.parent.name
            if _VERSION.fullmatch(version) and _NAME.fullmatch(name):
                found.append(ModelRef(name, version, _read_sums(sums.parent).get(MODEL_FILE, ""), sums.parent))
        return tuple(found)

    def import_folder(self, source: Path) -> tuple[ModelRef, ...]:
        """Copy the models of another registry's folder, each verified first; none where the folder is absent.

        Raises AstroScaleError `model_hash_mismatch` or `bad_model_card`; models copied before that stay.
        """
        imported: list[ModelRef] = []
        for ref in Registry(source).list():
            onnx, card = _read_verified(ref.path, ref.name, ref.version)
            ModelCard.from_bytes(card)
            imported.append(self._store(ref.name, ref.version, onnx, card))
        return tuple(imported)

    def _folder(self, name: str, version: str) -> Path:
        # Names come from topics: nothing but a plain name may become part of a path.
        if not _NAME.fullmatch(name):
            raise AstroScaleError("bad_model_name", f"{name!r} is no model name: a-z, 0-9, '.', '_' and '-' only")
        if not _VERSION.fullmatch(version):
            raise AstroScaleError("model_not_found", f"{version!r} is no version: 12 hexadecimal digits are")
        return self.root / name / version

    def _store(self, name: str, version: str, onnx: bytes, card: bytes) -> ModelRef:
        folder = self._folder(name, version)
        ref = ModelRef(name, version, _sha256(onnx), folder)
        if not folder.is_dir():
            sums = f"{ref.sha256}  {MODEL_FILE}\n{_sha256(card)}  {CARD_FILE}\n".encode()
            folder.parent.mkdir(parents=True, exist_ok=True)
            _write_folder(folder, {MODEL_FILE: onnx, CARD_FILE: card, SUMS_FILE: sums})
        _read_verified(folder, name, version)
        return ref


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """All files or none: written and synced beside, then renamed; whoever was first wins."""
    temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        for name, data in files.items():
            with (temporary / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        temporary.chmod(0o755)
        temporary.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _read_sums(folder: Path) -> dict[str, str]:
    lines = (line.split() for line in (folder / SUMS_FILE).read_text("utf-8").splitlines())
    return {parts[1].lstrip("*"): parts[0] for parts in lines if len(parts) == 2}


def _read_verified(folder: Path, name: str, version: str) -> tuple[bytes, bytes]:
    """model.onnx and card.json, each as SHA256SUMS says, and the graph as its version says."""
    try:
        sums = _read_sums(folder)
        onnx, card = (folder / MODEL_FILE).read_bytes(), (folder / CARD_FILE).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        missing = Path(str(error.filename)).name
        raise AstroScaleError("model_not_found", f"model {name}/{version}: {missing} is not in the registry") from error
    for file, data in ((MODEL_FILE, onnx), (CARD_FILE, card)):
        if sums.get(file) != _sha256(data):
            raise AstroScaleError("model_hash_mismatch", f"model {name}/{version}: {file} is not what {SUMS_FILE} says")
    if version_of(onnx) != version:
        raise AstroScaleError("model_hash_mismatch", f"model {name}/{version}: {MODEL_FILE} is another version")
    return onnx, card


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
