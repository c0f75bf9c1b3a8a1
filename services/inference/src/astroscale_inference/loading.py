"""From the registry into memory."""

from collections.abc import Sequence

from astroscale_shared.registry.announcement import ModelAnnouncement, Previous
from astroscale_shared.registry.store import Registry
from astroscale_shared.runtime.errors import AstroScaleError

from astroscale_inference.domain import model as domain
from astroscale_inference.domain.model import DEFAULT_PROVIDERS, Model


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
        except OSError as error:
            raise AstroScaleError(
                "model_unreadable", f"{address} of the registry cannot be read: {error}", retryable=True
            ) from error
        except Exception as error:  # whatever a damaged file brings about must not end a service that serves
            raise AstroScaleError("model_unreadable", f"{address} of the registry cannot be read: {error}") from error
