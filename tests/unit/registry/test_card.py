"""Cards and announcements survive the wire and say what is wrong."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from astroscale_shared.registry import Feature, Histogram, Metric, ModelAnnouncement, ModelCard, Parity
from astroscale_shared.runtime.errors import AstroScaleError

CARD = ModelCard(
    model_type="test",
    encoding_version=1,
    feature_names=("ra",),
    trained_at=datetime(2025, 1, 2, tzinfo=UTC),
    parity=Parity(rows=1, max_error_kms=0.0, tolerance_kms=1e-3, passed=True),
    metrics={"r2": Metric(value=0.5, spread=0.1)},
    features=(Feature(name="teff", unit="K", low=3_500.0, high=7_500.0, description="effective temperature"),),
    reference={"teff": Histogram(edges=(-1.0, 0.0, 0.0, 1.0), shares=(0.1, 0.4, 0.0, 0.3, 0.2), missing=0.25)},
    known_failures=("Hot stars: the interval is too narrow.",),
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


def test_a_card_of_before_features_and_reference_is_read() -> None:
    old = json.loads(CARD.to_bytes())
    for name in ("features", "reference", "known_failures"):
        del old[name]
    read = ModelCard.from_bytes(json.dumps(old).encode())
    assert (read.features, read.reference, read.known_failures) == ((), {}, ())


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"shares": (0.5, 0.5)}, "need 3 shares"),
        ({"edges": (1.0, 0.0)}, "ascend"),
        ({"shares": (0.5, 0.5, 0.5)}, "add up to 1"),
        ({"shares": (1.5, -0.5, 0.0)}, "0 or more"),
        ({"missing": 1.5}, "less than or equal to 1"),
    ],
)
def test_a_reference_that_does_not_fit_together_is_refused(broken: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Histogram.model_validate({"edges": (0.0, 1.0), "shares": (0.2, 0.3, 0.5), "missing": 0.0} | broken)
    assert Histogram(edges=(0.0,), shares=(0.0, 0.0), missing=1.0).missing == 1.0


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
