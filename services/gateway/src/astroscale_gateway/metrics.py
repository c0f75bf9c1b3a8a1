"""Metrics of the gateway."""

from astroscale_shared.runtime.metrics import ROWS_BUCKETS, Metrics
from prometheus_client import Counter, Histogram


class GatewayMetrics(Metrics):
    """`astroscale_gateway_...`; routes are templates of a fixed table, never a caller's path."""

    def __init__(self) -> None:
        super().__init__("gateway")
        self.requests = self.counter("requests", "requests answered", ["route", "status"])
        self.duration = self.histogram("request_duration_seconds", "from a request to its answer", ["route"])
        self.waiting = self.gauge("waiting", "stars that wait for their prediction")
        self.batch_rows = self.histogram("batch_rows", "stars in one message to inference", buckets=ROWS_BUCKETS[:6])
        self.relay_duration = self.histogram("relay_duration_seconds", "from a message to inference to its reply")
        self.rejected = self.counter("rejected", "requests that were refused", ["reason"])
        self.table_rows = self.counter("table_rows", "stars of tables, by what became of them", ["outcome"])
        self.tables_waiting = self.gauge("tables_waiting", "tables that are being predicted")
        self.ready = self.gauge("ready", "1 while predictions can be had")
        self.ledger_rows = self.gauge("ledger_rows", "rows by the ledger's totals", ["stage", "kind", "what"])
        self.ledger_mismatch = self.gauge("ledger_mismatch_rows", "rows unaccounted for in a stage or between them")
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        pair = self._children.get((route, status))
        if pair is None:
            pair = self.requests.labels(route, str(status)), self.duration.labels(route)
            self._children[route, status] = pair
        pair[0].inc()
        pair[1].observe(seconds)
