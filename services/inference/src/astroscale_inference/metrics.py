"""Metrics of inference."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from astroscale_shared.messaging.lag import LagGauges
from astroscale_shared.runtime.metrics import ROWS_BUCKETS, Metrics
from astroscale_shared.stars.columns import INPUTS
from numpy.typing import NDArray
from prometheus_client import Counter, Gauge
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from astroscale_inference.domain.comparison import DIFFERENCE_EDGES
from astroscale_inference.domain.statistics import INTERVALS, TAIL_EDGES, VELOCITY_EDGES, WIDTH_EDGES, Filled

_BOTH: Final = ("current", "candidate")
_FEATURES: Final = [column.name for column in INPUTS]


class ArrayHistogram(Collector):
    """A histogram that takes whole arrays of counts: the client library's own takes one value a call."""

    def __init__(self, name: str, text: str, edges: NDArray[np.float64]) -> None:
        self._name = name
        self._text = text
        self._edges = [*(str(edge) for edge in edges.tolist()), "+Inf"]
        self._counts = np.zeros(len(edges) + 1, dtype=np.int64)
        # A sum that can fall is no counter, and the format leaves it out.
        self._sum: float | None = 0.0 if edges[0] >= 0 else None

    def add(self, filled: Filled) -> None:
        """Take in what `statistics.fill` counted over the same edges."""
        self._counts += filled.counts
        if self._sum is not None:
            self._sum += filled.sum

    def collect(self) -> Iterable[Metric]:
        family = HistogramMetricFamily(self._name, self._text)
        heaped = [float(count) for count in np.cumsum(self._counts)]
        family.add_metric([], list(zip(self._edges, heaped, strict=True)), self._sum)
        yield family


@dataclass(frozen=True, slots=True)
class SlotMetrics:
    """What is counted of one slot. info has the labels name and version, refused has reason."""

    info: Gauge
    swaps: Counter
    refused: Counter
    unserved: Gauge


class InferenceMetrics(Metrics):
    """Stream counters are updated after a transaction is committed."""

    def __init__(self) -> None:
        super().__init__("inference")
        self.rows_in = self.counter("rows_in", "rows read from the encoded topic")
        self.rows_predicted = self.counter("rows_predicted", "rows written to the predictions topic")
        self.rows_refused = self.counter("rows_refused", "rows refused, by reason", ["reason"])
        self.batch_rows = self.histogram("batch_rows", "rows of one transaction", buckets=ROWS_BUCKETS)
        self.batch_seconds = self.histogram("batch_duration_seconds", "time to score a batch of the stream")
        self.offsets_expired = self.counter("offsets_expired", "offsets that retention took before they were read")
        self.lag = LagGauges(self)
        self.mismatch = self.gauge("ledger_mismatch_rows", "rows in that are neither predicted nor refused")
        self.requests = self.counter("requests", "requests answered, by outcome", ["outcome"])
        self.request_rows = self.histogram("request_rows", "stars scored at once for requests", buckets=ROWS_BUCKETS)
        self.request_seconds = self.histogram("request_duration_seconds", "time from poll to replies sent")
        unserved = self.gauge("slot_unserved", "1 while a slot points at something that is not served", ["role"])
        self.served = SlotMetrics(
            self.gauge("model_info", "1 for the model that is served", ["name", "version"]),
            self.counter("model_swaps", "models taken into service"),
            self.counter("model_refused", "announced models that were refused", ["reason"]),
            unserved.labels("serving"),
        )
        self.candidate = SlotMetrics(
            self.gauge("shadow_info", "1 for the candidate that scores beside the model", ["name", "version"]),
            self.counter("shadow_swaps", "candidates taken"),
            self.counter("shadow_refused", "candidates that were refused, or dropped when they failed", ["reason"]),
            unserved.labels("shadow"),
        )
        self.stream = StreamMetrics(self)
        self.shadow = ShadowMetrics(self)

    def array_histogram(self, name: str, text: str, edges: NDArray[np.float64]) -> ArrayHistogram:
        """`astroscale_inference_<name>`, over whole arrays."""
        made = ArrayHistogram(f"astroscale_{self.service}_{name}", text, edges)
        self.registry.register(made)
        return made


class StreamMetrics:
    """Of the predictions that the stream wrote. Series that alerts ask for are there from the start, with 0."""

    def __init__(self, metrics: InferenceMetrics) -> None:
        self.velocity = metrics.array_histogram("predicted_velocity_kms", "predicted velocities", VELOCITY_EDGES)
        self.width = metrics.array_histogram("interval_width_kms", "widths of the 90 % interval", WIDTH_EDGES)
        self.tail = metrics.array_histogram(
            "tail_probability",
            "tail probabilities of measured velocities; uniform where intervals are right",
            TAIL_EDGES,
        )
        missing = metrics.counter("feature_missing", "rows that lack an input", ["feature"])
        beyond = metrics.counter(
            "feature_out_of_range", "rows in which an input is out of the training stars' range", ["feature"]
        )
        self.missing = [missing.labels(name) for name in _FEATURES]
        self.out_of_range = [beyond.labels(name) for name in _FEATURES]
        self.extrapolated = metrics.counter("extrapolated", "rows that the model itself calls an extrapolation")
        self.measured = metrics.counter("measured", "predicted rows whose velocity was measured")
        held = metrics.counter(
            "measured_inside", "measured velocities inside the interval of a percentage", ["interval"]
        )
        self.inside = {level: held.labels(level) for level in INTERVALS}
        self.drift = metrics.gauge(
            "feature_drift_psi", "population stability index against the model's training stars", ["feature"]
        )
        self.missing_drift = metrics.gauge(
            "feature_missing_drift_psi", "the same of whether the input is there", ["feature"]
        )


class ShadowMetrics:
    """Of the candidate beside the model; sums of which any window's mean can be asked."""

    def __init__(self, metrics: InferenceMetrics) -> None:
        self.rows = metrics.counter("shadow_rows", "rows that the candidate scored too")
        self.skipped = metrics.counter("shadow_skipped_rows", "rows that the candidate could not keep up with")
        self.unfit = metrics.counter("shadow_unfit_rows", "rows for which the candidate had no answer fit to publish")
        self.difference = metrics.array_histogram(
            "shadow_difference_kms", "|candidate - model| of the predicted velocity", DIFFERENCE_EDGES
        )
        way = metrics.counter(
            "shadow_signed_difference_kms", "sum of the candidate's velocities above (up) and below (down)", ["way"]
        )
        self.up, self.down = way.labels("up"), way.labels("down")
        self.measured = metrics.counter("shadow_measured", "rows scored by both whose velocity was measured")
        width = metrics.counter("shadow_interval_width_kms", "sum of the 90 % intervals' widths", ["model"])
        error = metrics.counter("shadow_absolute_error_kms", "sum of |predicted - measured|", ["model"])
        held = metrics.counter(
            "shadow_measured_inside", "measured velocities inside the interval of a percentage", ["model", "interval"]
        )
        self.width = {model: width.labels(model) for model in _BOTH}
        self.error = {model: error.labels(model) for model in _BOTH}
        self.inside = {model: {level: held.labels(model, level) for level in INTERVALS} for model in _BOTH}
