"""The registry that the settings name."""

from pathlib import Path

from astroscale_shared.registry.objects import open_bucket
from astroscale_shared.registry.store import Registry
from astroscale_shared.runtime.settings import RegistrySettings


def open_registry(settings: RegistrySettings) -> Registry:
    """A folder's or a bucket's registry; nothing is read yet.

    Raises AstroScaleError `not_installed` for a bucket without the extra `s3`.
    """
    return Registry(settings.root if isinstance(settings.root, Path) else open_bucket(settings))
