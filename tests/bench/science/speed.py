"""The shipped model in inference: time of a row on one thread, size on disk, memory of the process."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from astroscale_inference.domain.model import Model, load
from astroscale_shared.registry import Registry
from astroscale_shared.stars.encoding import encode
from astroscale_training.prepare import TrainingStars

MODELS: Final = Path("models")
NAME: Final = "default"
REPEATS: Final = 15
_LOOPS: Final = 300


class Speed(NamedTuple):
    """Of one repeat, in microseconds: a row alone, a row in a batch of 1,000, and one product of two 96 x 96 matrices
    right after."""

    single: float
    batch: float
    product: float


def shipped() -> tuple[Model, str, int]:
    """The shipped model, its version, and the bytes of its files."""
    folders = [folder for folder in sorted((MODELS / NAME).iterdir()) if folder.is_dir()]
    newest = max(folders, key=lambda f: Registry(MODELS).load(NAME, f.name)[1].trained_at)
    onnx, card = Registry(MODELS).load(NAME, newest.name)
    size = sum(file.stat().st_size for file in newest.iterdir())
    return load(onnx, card, name=NAME, version=newest.name, sha256=card.onnx_sha256), newest.name, size


def speeds(model: Model, data: TrainingStars) -> list[Speed]:
    """Repeats on real stars; whoever judges takes the median.

    The thread's own CPU time: on one thread it is the time that passes, less what other processes took meanwhile.
    """
    features = encode(data.stars).features
    rng = np.random.default_rng(0)
    alone = [features[i : i + 1] for i in rng.integers(0, len(features), _LOOPS)]
    batch = features[rng.integers(0, len(features), 1_000)]
    matrix, result = rng.random((96, 96)), np.empty((96, 96))
    out: list[Speed] = []
    for _ in range(REPEATS):
        began = time.thread_time()
        for row in alone:
            model.score(row)
        single = time.thread_time() - began
        began = time.thread_time()
        for _ in range(10):
            model.score(batch)
        batched = time.thread_time() - began
        began = time.thread_time()
        for _ in range(_LOOPS):
            np.matmul(matrix, matrix, out=result)
        product = time.thread_time() - began
        out.append(Speed(single / _LOOPS * 1e6, batched / 10_000 * 1e6, product / _LOOPS * 1e6))
    return out


def resident_mb() -> float:
    """Of a process that has the service's own imports and has scored 20 batches."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.science.memory", str(MODELS), NAME, shipped()[1]],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return float(json.loads(done.stdout)["resident_mb"])
