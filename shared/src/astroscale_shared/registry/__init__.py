"""The model registry: a folder of immutable `<name>/<version>/{model.onnx, card.json, SHA256SUMS}`."""

from astroscale_shared.registry.announcement import ModelAnnouncement
from astroscale_shared.registry.card import Calibration, Cut, DataFile, Metric, ModelCard, Parity
from astroscale_shared.registry.store import ModelRef, Registry, version_of

__all__ = [
    "Calibration",
    "Cut",
    "DataFile",
    "Metric",
    "ModelAnnouncement",
    "ModelCard",
    "ModelRef",
    "Parity",
    "Registry",
    "version_of",
]
