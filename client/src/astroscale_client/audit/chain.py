"""The topics and groups that an audit follows."""

from dataclasses import dataclass

from astroscale_shared.messaging import topics


@dataclass(frozen=True, slots=True)
class Chain:
    """Raw to predictions; by default the system's own."""

    raw: str = topics.RAW
    raw_dlq: str = topics.RAW_DLQ
    encoded: str = topics.ENCODED
    encoded_dlq: str = topics.ENCODED_DLQ
    predictions: str = topics.PREDICTIONS
    preprocessor_group: str = topics.PREPROCESSOR_GROUP
    scoring_group: str = topics.SCORING_GROUP

    @property
    def downstream_first(self) -> tuple[str, ...]:
        """All topics but raw, each before those that it was made from."""
        return self.predictions, self.encoded_dlq, self.encoded, self.raw_dlq

    @property
    def encode_out(self) -> tuple[str, str]:
        """Where the outcome of a raw row is."""
        return self.encoded, self.raw_dlq

    @property
    def predict_out(self) -> tuple[str, str]:
        """Where the outcome of an encoded row is."""
        return self.predictions, self.encoded_dlq
