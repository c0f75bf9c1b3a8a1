"""Where the files of a registry lie: what `Registry` asks of a place, and the place that is a folder."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

MODEL_FILE: Final = "model.onnx"
CARD_FILE: Final = "card.json"
SUMS_FILE: Final = "SHA256SUMS"


class Files(Protocol):
    """A place for versions, each `<name>/<version>` with its files. Versions are never changed, and none is half there:
    a version without SHA256SUMS does not exist."""

    @property
    def root(self) -> str:
        """The place, for people."""
        ...

    def location(self, version: str) -> str:
        """Where a version is or would be."""
        ...

    def versions(self) -> list[str]:
        """`<name>/<version>` of all that have SHA256SUMS."""
        ...

    def read(self, version: str, file: str) -> bytes:
        """A file of a version; FileNotFoundError or NotADirectoryError where it is not there."""
        ...

    def write(self, version: str, onnx: bytes, card: bytes) -> None:
        """Store a version: all of it, or nothing. Where it is there already nothing changes; what is there may differ,
        so that the caller reads it back."""
        ...


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def sums(onnx: bytes, card: bytes) -> bytes:
    """The content of SHA256SUMS, as `sha256sum --check` reads it."""
    return f"{sha256(onnx)}  {MODEL_FILE}\n{sha256(card)}  {CARD_FILE}\n".encode()


def read_sums(content: bytes) -> dict[str, str]:
    """File name -> SHA-256, as SHA256SUMS claims; UnicodeDecodeError where it is no text."""
    lines = (line.split() for line in content.decode().splitlines())
    return {parts[1].lstrip("*"): parts[0] for parts in lines if len(parts) == 2}


class Folder:
    """A folder, which need not exist before something is written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def root(self) -> str:
        """Its path."""
        return str(self._path)

    def location(self, version: str) -> str:
        """The path of a version's folder."""
        return str(self._path / version)

    def versions(self) -> list[str]:
        """All that have SHA256SUMS."""
        return [found.parent.relative_to(self._path).as_posix() for found in self._path.glob(f"*/*/{SUMS_FILE}")]

    def read(self, version: str, file: str) -> bytes:
        """A file of a version."""
        return (self._path / version / file).read_bytes()

    def write(self, version: str, onnx: bytes, card: bytes) -> None:
        """Written and synced beside, then renamed; whoever was first wins."""
        folder = self._path / version
        if folder.is_dir():
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        _write_folder(folder, {MODEL_FILE: onnx, CARD_FILE: card, SUMS_FILE: sums(onnx, card)})


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
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
