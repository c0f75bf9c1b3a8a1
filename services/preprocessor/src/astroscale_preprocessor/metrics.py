"""Metrics of the preprocessor."""

from astroscale_shared.messaging.lag import LagGauges
from astroscale_shared.runtime.metrics import ROWS_BUCKETS, Metrics


class PreprocessorMetrics(Metrics):
    """Counts what is durable: updated after a transaction is committed."""

    def __init__(self) -> None:
        super().__init__("preprocessor")
        self.rows_in = self.counter("rows_in", "rows read from the raw topic")
        self.rows_encoded = self.counter("rows_encoded", "rows written to the encoded topic")
        self.rows_rejected = self.counter("rows_rejected", "rows refused, by reason", ["reason"])
        self.unknown_fields = self.counter("unknown_fields", "values under a name that is not known, ignored")
        self.batch_rows = self.histogram("batch_rows", "rows of one transaction", buckets=ROWS_BUCKETS)
        self.batch_seconds = self.histogram("batch_duration_seconds", "time to parse, validate and encode a batch")
        self.offsets_expired = self.counter("offsets_expired", "offsets that retention took before they were read")
        self.lag = LagGauges(self)
        self.mismatch = self.gauge("ledger_mismatch_rows", "rows in that are neither encoded nor refused")
