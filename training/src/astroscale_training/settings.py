"""Settings of training: `ASTROSCALE_TRAINING__*` over `[training]` of config.toml over these defaults."""

import os
from pathlib import Path
from typing import Literal

from astroscale_shared.runtime.settings import Settings
from pydantic import Field

Normalization = Literal["standard", "robust", "none"]


class TrainingSettings(Settings):
    """What is fitted, and how. The defaults make the shipped model."""

    section = "TRAINING"
    table = "training"

    data: Path = Path("../shared/data/stars")
    tables: tuple[Path, ...] = Field(default=(), exclude=True)
    trust_units: bool = False
    correct_zero_points: bool = False
    normalization: Normalization = "standard"
    seed: int = 0
    folds: int = Field(default=5, ge=2, le=20)
    masked_copies: int = Field(default=1, ge=1, le=10)
    waves: int = Field(default=200, ge=8, le=1_000)
    workers: int = Field(default_factory=lambda: min(4, os.cpu_count() or 1), ge=1, le=64)
    scale_trees: int = Field(default=150, ge=1, le=2_000)
    scale_leaves: int = Field(default=15, ge=2, le=255)
    bins: int = Field(default=255, ge=2, le=255)
    parity_tolerance_kms: float = Field(default=1e-3, gt=0.0)
    parity_rows: int = Field(default=20_000, ge=1)
