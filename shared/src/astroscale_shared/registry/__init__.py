"""The model registry: immutable `<name>/<version>/{model.onnx, card.json, SHA256SUMS}` in a folder or a bucket."""

from astroscale_shared.registry.announcement import DEFAULT_SLOT, SHADOW_SLOT, ModelAnnouncement, Previous
from astroscale_shared.registry.card import Calibration, Cut, DataFile, Feature, Histogram, Metric, ModelCard, Parity
from astroscale_shared.registry.opening import open_registry
from astroscale_shared.registry.store import ModelRef, Registry, check_name, version_of

__all__ = [
    "DEFAULT_SLOT",
    "SHADOW_SLOT",
    "Calibration",
    "Cut",
    "DataFile",
    "Feature",
    "Histogram",
    "Metric",
    "ModelAnnouncement",
    "ModelCard",
    "ModelRef",
    "Parity",
    "Previous",
    "Registry",
    "check_name",
    "open_registry",
    "version_of",
]
