"""`python -m tests.bench.science.memory MODELS NAME VERSION`: memory of a process that serves a model, as JSON."""

import json
import sys
from pathlib import Path

import numpy as np
from astroscale_inference import app  # noqa: F401  # pyright: ignore[reportUnusedImport] - what the service has in memory
from astroscale_inference.domain.model import load
from astroscale_shared.registry import Registry
from astroscale_shared.stars.encoding import FEATURE_NAMES


def main() -> None:
    """Load the model and score 20 batches."""
    models, name, version = sys.argv[1:]
    onnx, card = Registry(Path(models)).load(name, version)
    model = load(onnx, card, name=name, version=version, sha256=card.onnx_sha256)
    rng = np.random.default_rng(0)
    for _ in range(20):
        model.score(rng.normal(size=(1_024, len(FEATURE_NAMES))).astype(np.float32))
    status = Path("/proc/self/status").read_text().splitlines()
    resident_kb = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    print(json.dumps({"resident_mb": resident_kb / 1024}))


main()
