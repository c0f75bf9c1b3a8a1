"""Rows of the stream that were scored and published: what monitoring and a candidate beside the model look at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from astroscale_inference.domain.model import Scores


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """N rows of one batch.

    features: float32 [N, F]. flags: uint32 [N], those of the encoding. measured: float64 [N], km/s, NaN where nobody
    measured. tail: float64 [N], tail probability of what was measured, NaN likewise.
    """

    features: NDArray[np.float32]
    flags: NDArray[np.uint32]
    measured: NDArray[np.float64]
    tail: NDArray[np.float64]
    scores: Scores

    def __len__(self) -> int:
        return len(self.flags)

    def take(self, rows: NDArray[np.bool_]) -> "ScoredRows":
        """The rows of a mask, bool [N]."""
        s = self.scores
        scores = Scores(s.value[rows], s.quantiles[rows], None if s.novelty is None else s.novelty[rows])
        return ScoredRows(self.features[rows], self.flags[rows], self.measured[rows], self.tail[rows], scores)
