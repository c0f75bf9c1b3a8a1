"""The request bytes and the meaning of answers."""

import math
from typing import Any

import orjson
import pytest
from astroscale_client import wire
from astroscale_client.prediction import Prediction, in_words
from astroscale_shared.runtime.errors import AstroScaleError

from tests.unit.client.fake_gateway import prediction_of

STAR: dict[str, Any] = {"ra": 10.0, "dec": -5.0}


def test_all_seven_keys_are_sent_and_missing_values_are_null() -> None:
    sent = orjson.loads(wire.body({**STAR, "teff": math.nan, "logg": None, "snr": 30}))
    assert sent == {"ra": 10.0, "dec": -5.0, "teff": None, "logg": None, "fe_h": None, "snr": 30, "parallax": None}


def test_proper_motions_are_sent_only_where_known() -> None:
    assert orjson.loads(wire.body({**STAR, "pmra": -1.5, "pmdec": None}))["pmra"] == -1.5
    assert "pmdec" not in orjson.loads(wire.body({**STAR, "pmra": -1.5, "pmdec": math.nan}))


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinity_is_refused_instead_of_becoming_null(value: float) -> None:
    with pytest.raises(wire.RefusedError, match=r"fe_h is -?inf; allowed is \[-10, 5\] dex or null"):
        wire.body({**STAR, "fe_h": value})


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(wire.RefusedError, match="temperature is no input; the inputs are dec, fe_h"):
        wire.body({**STAR, "temperature": 5800})


def test_a_prediction_comes_back_whole() -> None:
    document = prediction_of({**STAR, "teff": None})
    prediction = Prediction.from_dict(document)
    assert prediction.to_dict() == document
    assert prediction.remarks == ["effective temperature is missing: predicted without it, so less certain"]


def test_flags_in_words() -> None:
    assert in_words("out_of_range_fe_h") == (
        "metallicity [Fe/H] is outside -2.5 to 0.5 dex, where the training stars are: an extrapolation"
    )
    assert in_words("extrapolated") == "all inputs together lie far from the training stars: an extrapolation"
    assert in_words("some_later_flag") == "some later flag"


@pytest.mark.parametrize("document", [{}, {"interval": None}, {**prediction_of(STAR), "radial_velocity_kms": "fast"}])
def test_an_answer_that_is_no_prediction_is_said_so(document: dict[str, Any]) -> None:
    with pytest.raises(AstroScaleError, match="is no prediction") as raised:
        Prediction.from_dict(document)
    assert raised.value.code == "bad_answer"


def test_failures_name_the_fields() -> None:
    error = {
        "code": "invalid_star",
        "message": "2 fields",
        "fields": [{"message": "ra is 400"}, {"message": "dec is 91"}],
    }
    failure = wire.failure(422, {"error": error})
    assert isinstance(failure, wire.RefusedError)
    assert failure.message == "ra is 400; dec is 91"


def test_a_failure_without_our_shape_is_its_status() -> None:
    failure = wire.failure(502, {})
    assert (failure.message, failure.retryable) == ("the gateway answered HTTP 502", True)


@pytest.mark.parametrize(
    ("header", "attempt", "seconds"), [("3", 0, 3.0), ("9999", 0, 30.0), ("soon", 1, 0.2), (None, 3, 0.8)]
)
def test_retry_after_is_honoured_and_bounded(header: str | None, attempt: int, seconds: float) -> None:
    assert wire.pause(wire.Answer(503, b"", header or ""), attempt) == pytest.approx(seconds)
