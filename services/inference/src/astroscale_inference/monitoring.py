"""The model in the stream, watched: what was committed becomes metrics."""

import math

from astroscale_shared.stars.columns import INPUTS

from astroscale_inference.domain.drift import Reference, Window
from astroscale_inference.domain.statistics import Statistics
from astroscale_inference.metrics import StreamMetrics


class StreamMonitor:
    """Takes in the statistics of committed batches. Drift is worked out when Prometheus asks, not for each batch."""

    def __init__(self, metrics: StreamMetrics) -> None:
        self._metrics = metrics
        self._reference: Reference | None = None
        self._window: Window | None = None
        for column in INPUTS:
            metrics.drift.labels(column.name).set_function(lambda name=column.name: self.drift(name))
            metrics.missing_drift.labels(column.name).set_function(lambda name=column.name: self.missing_drift(name))

    def drift(self, name: str) -> float:
        """Population stability index of an input's values; NaN where nothing can be said."""
        return math.nan if self._window is None else self._window.values(name)

    def missing_drift(self, name: str) -> float:
        """Population stability index of whether an input is there; NaN where nothing can be said."""
        return math.nan if self._window is None else self._window.absence(name)

    def add(self, found: Statistics) -> None:
        """Count what was committed."""
        m, inputs = self._metrics, len(INPUTS)
        m.velocity.add(found.velocity)
        m.width.add(found.width)
        m.tail.add(found.tail)
        for counters, bits in ((m.missing, found.flags[:inputs]), (m.out_of_range, found.flags[inputs:])):
            for counter, count in zip(counters, bits.tolist(), strict=True):
                counter.inc(count)
        m.extrapolated.inc(found.extrapolated)
        m.measured.inc(found.measured)
        for level, count in found.inside.items():
            m.inside[level].inc(count)
        # Another model has other bins: what was counted in the old ones says nothing in them.
        if found.reference is not self._reference or self._window is None:
            self._reference, self._window = found.reference, Window(found.reference)
        self._window.add(found.drift, found.rows)
