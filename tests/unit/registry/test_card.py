"""Cards and announcements survive the wire and say what is wrong."""

from datetime import UTC, datetime

import pytest
from astroscale_shared.registry import Metric, ModelAnnouncement, ModelCard, Parity
from astroscale_shared.runtime.errors import AstroScaleError

CARD = ModelCard(
    model_type="test",
    encoding_version=1,
    feature_names=("ra",),
    trained_at=datetime(2025, 1, 2, tzinfo=UTC),
    parity=Parity(rows=1, max_error_kms=0.0, tolerance_kms=1e-3, passed=True),
    metrics={"r2": Metric(value=0.5, spread=0.1)},
    extra={"rounds": 5},
)
ANNOUNCEMENT = ModelAnnouncement(
    slot="default",
    name="federated-a",
    version="0" * 12,
    sha256="0" * 64,
    address=f"federated-a/{'0' * 12}",
    encoding_version=1,
    published_at=datetime(2025, 1, 2, tzinfo=UTC),
)


def test_card_survives_its_bytes() -> None:
    assert ModelCard.from_bytes(CARD.to_bytes()) == CARD


def test_card_of_a_later_project_is_read() -> None:
    assert ModelCard.from_bytes(CARD.to_bytes().replace(b"{", b'{"new_field": 1,', 1)) == CARD


def test_announcement_survives_its_bytes() -> None:
    assert ModelAnnouncement.from_bytes(ANNOUNCEMENT.to_bytes()) == ANNOUNCEMENT


@pytest.mark.parametrize("data", [b"", b"{", b"{}", b"[]", b"\xff"])
def test_bad_bytes_get_one_sentence(data: bytes) -> None:
    with pytest.raises(AstroScaleError) as error:
        ModelCard.from_bytes(data)
    assert error.value.code == "bad_model_card"
    with pytest.raises(AstroScaleError) as error:
        ModelAnnouncement.from_bytes(data)
    assert error.value.code == "bad_model_announcement"


def test_bad_field_is_named() -> None:
    with pytest.raises(AstroScaleError, match="version"):
        ModelAnnouncement.from_bytes(ANNOUNCEMENT.to_bytes().replace(b'"000000000000"', b'"latest"'))


def test_no_metric_is_nan() -> None:
    with pytest.raises(ValueError, match="finite"):
        Metric(value=float("nan"))
