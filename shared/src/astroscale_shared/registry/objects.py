"""A registry in an object store: S3 and what speaks like it, through fsspec. Needs the extra `s3`."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from astroscale_shared.registry.card import ModelCard
from astroscale_shared.registry.files import CARD_FILE, MODEL_FILE, SUMS_FILE, sha256, sums
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import RegistrySettings

_SCHEME: Final = "s3://"
_CONNECT_S: Final = 5
_READ_S: Final = 30


class Bucket:
    """Versions under a bucket's prefix.

    No object is ever overwritten (If-None-Match), and SHA256SUMS is written last: a version without it does not exist.
    What a publisher left who died before that is completed by the next, so that two at once agree on one version, too.
    """

    def __init__(self, filesystem: Any, root: str) -> None:
        self._fs = filesystem
        self._prefix = root.removeprefix(_SCHEME).strip("/")
        self._root = root

    @property
    def root(self) -> str:
        """Its address."""
        return self._root

    def location(self, version: str) -> str:
        """The address of a version."""
        return f"{_SCHEME}{self._prefix}/{version}"

    def versions(self) -> list[str]:
        """All that have SHA256SUMS."""
        try:
            with self._said_clearly():
                found: list[str] = self._fs.find(self._prefix)
        except FileNotFoundError as error:
            raise self._no_bucket() from error
        # One listing of all instead of one for each folder, as a pattern would make.
        parts = (path.removeprefix(f"{self._prefix}/").split("/") for path in found)
        return ["/".join(three[:2]) for three in parts if len(three) == 3 and three[2] == SUMS_FILE]

    def read(self, version: str, file: str) -> bytes:
        """A file of a version; FileNotFoundError where it is not there."""
        with self._said_clearly():
            return self._fs.cat_file(f"{self._prefix}/{version}/{file}")

    def write(self, version: str, onnx: bytes, card: bytes) -> None:
        """The files that are not there yet; AstroScaleError `model_hash_mismatch` where a stranger's are in the way."""
        folder = f"{self._prefix}/{version}"
        try:
            with self._said_clearly():
                if self._fs.exists(f"{folder}/{SUMS_FILE}"):
                    return
                stored = self._create(f"{folder}/{MODEL_FILE}", onnx), self._create(f"{folder}/{CARD_FILE}", card)
                if stored[0] != onnx or ModelCard.from_bytes(stored[1]).onnx_sha256 != sha256(onnx):
                    raise AstroScaleError(
                        "model_hash_mismatch",
                        f"model {version}: other files are at {self.location(version)}; remove them first",
                    )
                self._create(f"{folder}/{SUMS_FILE}", sums(*stored))
        except FileNotFoundError as error:
            raise self._no_bucket() from error

    def _create(self, path: str, data: bytes) -> bytes:
        """Write an object that is not there yet; what is stored now."""
        try:
            self._fs.pipe_file(path, data, mode="create")
        except OSError:
            # It is there already, which comes as more than one type, or could not be written.
            try:
                return self._fs.cat_file(path)
            except FileNotFoundError:
                pass
            raise
        return data

    def _no_bucket(self) -> AstroScaleError:
        return AstroScaleError("registry_unreachable", f"there is no bucket for the registry {self._root}")

    @contextmanager
    def _said_clearly(self) -> Generator[None]:
        try:
            yield
        except (FileNotFoundError, AstroScaleError):
            raise
        except PermissionError as error:
            raise AstroScaleError("registry_refused", f"the registry {self._root} refuses us: {error}") from error
        except Exception as error:
            # The client of S3 has errors of its own, which are no OSErrors.
            raise AstroScaleError(
                "registry_unreachable",
                f"the registry {self._root} cannot be reached: {type(error).__name__}: {error}",
                retryable=True,
            ) from error


def open_bucket(settings: RegistrySettings) -> Bucket:
    """The bucket of the settings, which is not asked yet.

    Raises AstroScaleError `not_installed` without the extra, `bad_config` where one key lacks the other. Without keys in the settings the client looks where AWS's tools do: environment, profile, role of the machine.
    """
    if (settings.s3_access_key is None) != (settings.s3_secret_key is None):
        raise AstroScaleError("bad_config", "settings s3_access_key and s3_secret_key of [registry] go together")
    try:
        from s3fs import S3FileSystem
    except ImportError as error:
        raise AstroScaleError(
            "not_installed", "a registry in a bucket needs the extra s3: pip install 'astroscale-shared[s3]'"
        ) from error
    filesystem = S3FileSystem(
        endpoint_url=settings.s3_endpoint,
        key=settings.s3_access_key,
        secret=settings.s3_secret_key.get_secret_value() if settings.s3_secret_key else None,
        client_kwargs={"region_name": settings.s3_region} if settings.s3_region else {},
        config_kwargs={
            "connect_timeout": _CONNECT_S,
            "read_timeout": _READ_S,
            "retries": {"total_max_attempts": 1},  # s3fs tries again by itself
            # Other stores than AWS's do not all know its newer checksums; ours are verified anyway.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        },
        # Others publish, too: what was listed a minute ago is not what is there.
        use_listings_cache=False,
    )
    return Bucket(filesystem, str(settings.root))
