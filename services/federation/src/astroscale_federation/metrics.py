"""What the federation's processes count."""

from astroscale_shared.runtime.metrics import Metrics
from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
_KMS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)


class CoordinatorMetrics(Metrics):
    """Metrics of the coordinator."""

    rounds: Counter
    participants: Gauge
    round_duration: Histogram
    exclusions: Counter
    update_norm: Histogram
    workers: Gauge
    federations: Gauge

    def __init__(self) -> None:
        super().__init__("federation")
        self.rounds = self.counter("rounds", "rounds closed", ("phase",))
        self.participants = self.gauge("participants", "workers whose update counted in the last closed round")
        self.round_duration = self.histogram(
            "round_duration_seconds", "from a round's opening to its close", buckets=_SECONDS
        )
        self.exclusions = self.counter("exclusions", "updates refused and answers missed", ("reason",))
        self.update_norm = self.histogram(
            "update_norm", "length of a worker's step from the global weights, km/s", buckets=_KMS
        )
        self.workers = self.gauge("workers", "workers that are there")
        self.federations = self.gauge("federations", "federations by status", ("status",))


class WorkerMetrics(Metrics):
    """Metrics of a worker."""

    rounds: Counter
    work_duration: Histogram
    rows: Gauge

    def __init__(self) -> None:
        super().__init__("federation_worker")
        self.rounds = self.counter("rounds", "rounds answered", ("phase",))
        self.work_duration = self.histogram("work_duration_seconds", "computing one answer", buckets=_SECONDS)
        self.rows = self.gauge("rows", "stars that this worker trains on")
