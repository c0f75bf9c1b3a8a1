"""A registry in each kind of place: a folder, and a bucket of a real S3 server in a thread."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from astroscale_shared.registry import Registry, open_registry
from astroscale_shared.runtime.settings import RegistrySettings
from s3fs import S3FileSystem

from tests.support.buckets import bucket_settings, running_s3


@pytest.fixture(scope="session")
def s3_endpoint() -> Generator[str]:
    """Address of an S3 server with one bucket."""
    with running_s3() as endpoint:
        yield endpoint


@pytest.fixture
def s3_settings(s3_endpoint: str) -> RegistrySettings:
    """A prefix of its own in the bucket."""
    return bucket_settings(s3_endpoint)


@dataclass(frozen=True)
class Place:
    """A registry, and a way past it to its files."""

    settings: RegistrySettings
    registry: Registry

    def write(self, path: str, data: bytes) -> None:
        """Put bytes at a path under the root."""
        if isinstance(self.settings.root, Path):
            file = self.settings.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        else:
            self._bucket().pipe_file(self._key(path), data)

    def read(self, path: str) -> bytes:
        """The bytes at a path under the root."""
        if isinstance(self.settings.root, Path):
            return (self.settings.root / path).read_bytes()
        return self._bucket().cat_file(self._key(path))

    def remove(self, path: str) -> None:
        """Remove the file at a path under the root."""
        if isinstance(self.settings.root, Path):
            (self.settings.root / path).unlink()
        else:
            self._bucket().rm_file(self._key(path))

    def _bucket(self) -> Any:
        return S3FileSystem(endpoint_url=self.settings.s3_endpoint, key="someone", secret="else")

    def _key(self, path: str) -> str:
        return f"{str(self.settings.root).removeprefix('s3://')}/{path}"


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """One place of each kind: every test of the behaviour runs in both."""
    if request.param == "folder":
        settings = RegistrySettings(root=tmp_path / "registry")
    else:
        settings = request.getfixturevalue("s3_settings")
    return Place(settings, open_registry(settings))
