"""Prometheus metrics: one registry a process, names `astroscale_<service>_<thing>_<unit>`, never an object id as label."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import psutil
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

LATENCY_BUCKETS = (0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
ROWS_BUCKETS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144)

# A `_created` series beside each counter doubles the exposition, and nothing here asks when a counter began.
disable_created_metrics()


class Metrics:
    """A service's registry, and the names that begin with it."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.registry = CollectorRegistry()
        self.registry.register(_Process(service))

    def counter(self, name: str, text: str, labels: Iterable[str] = ()) -> Counter:
        """`astroscale_<service>_<name>_total`."""
        return Counter(f"astroscale_{self.service}_{name}", text, tuple(labels), registry=self.registry)

    def gauge(self, name: str, text: str, labels: Iterable[str] = ()) -> Gauge:
        """`astroscale_<service>_<name>`."""
        return Gauge(f"astroscale_{self.service}_{name}", text, tuple(labels), registry=self.registry)

    def histogram(
        self, name: str, text: str, labels: Iterable[str] = (), buckets: Iterable[float] = LATENCY_BUCKETS
    ) -> Histogram:
        """`astroscale_<service>_<name>`."""
        return Histogram(
            f"astroscale_{self.service}_{name}", text, tuple(labels), buckets=tuple(buckets), registry=self.registry
        )

    def render(self) -> bytes:
        """The exposition text."""
        return generate_latest(self.registry)


class _Process(Collector):
    """CPU, memory, open files and the disk of the log folder, read when asked."""

    def __init__(self, service: str) -> None:
        self._prefix = f"astroscale_{service}_process"
        self._process = psutil.Process()
        self._folder = Path(os.environ.get("ASTROSCALE_LOG_DIR") or ".")

    def collect(self) -> Iterable[Metric]:
        with self._process.oneshot():
            times = self._process.cpu_times()
            values = {
                "cpu_seconds": (times.user + times.system, "CPU time used since the start"),
                "resident_memory_bytes": (float(self._process.memory_info().rss), "resident memory"),
                "open_files": (float(self._process.num_fds()), "open file descriptors"),
                "start_time_seconds": (self._process.create_time(), "when the process began, seconds since 1970"),
                "log_disk_free_bytes": (float(shutil.disk_usage(self._folder).free), "free disk of the log folder"),
            }
        for name, (value, text) in values.items():
            yield GaugeMetricFamily(f"{self._prefix}_{name}", text, value=value)
