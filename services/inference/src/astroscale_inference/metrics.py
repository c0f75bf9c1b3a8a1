"""Metrics of inference."""

from astroscale_shared.runtime.metrics import ROWS_BUCKETS, Metrics


class InferenceMetrics(Metrics):
    """Stream counters are updated after a transaction is committed."""

    def __init__(self) -> None:
        super().__init__("inference")
        self.rows_in = self.counter("rows_in", "rows read from the encoded topic")
        self.rows_predicted = self.counter("rows_predicted", "rows written to the predictions topic")
        self.rows_refused = self.counter("rows_refused", "rows refused, by reason", ["reason"])
        self.batch_rows = self.histogram("batch_rows", "rows of one transaction", buckets=ROWS_BUCKETS)
        self.batch_seconds = self.histogram("batch_duration_seconds", "time to score a batch of the stream")
        self.lag = self.gauge("lag_messages", "messages of the encoded topic not yet processed", ["partition"])
        self.mismatch = self.gauge("ledger_mismatch_rows", "rows in that are neither predicted nor refused")
        self.requests = self.counter("requests", "requests answered, by outcome", ["outcome"])
        self.request_rows = self.histogram("request_rows", "stars scored at once for requests", buckets=ROWS_BUCKETS)
        self.request_seconds = self.histogram("request_duration_seconds", "time from poll to replies sent")
        self.model_info = self.gauge("model_info", "1 for the model that is served", ["name", "version"])
        self.model_refused = self.counter("model_refused", "announced models that were refused", ["reason"])
        self.model_swaps = self.counter("model_swaps", "models taken into service")
