"""Choosing dead letters: positions, times, reasons."""

from datetime import UTC, datetime

import pytest
from astroscale_client import moments
from astroscale_client.dlq import selection, summary
from astroscale_client.dlq.selection import Selection
from astroscale_shared.messaging import deadletters
from astroscale_shared.messaging.contracts import RejectedRow
from astroscale_shared.messaging.letters import ENCODED, RAW, Gathering, Refused
from astroscale_shared.messaging.receipts import Receipts
from astroscale_shared.runtime.errors import AstroScaleError

from tests.support.stars import Record

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOON_MS = 1_795_608_000_000


def message(*codes: str, at_ms: int = NOON_MS, offset: int = 5) -> Refused:
    """A row for each code."""
    rejected = [RejectedRow(row=i, code=code, field="ra", value="4", detail="bad") for i, code in enumerate(codes)]
    gathering = Gathering(RAW)
    for out in deadletters.letters(RAW.dlq, Record(b"x"), {}, rejected, rows_total=9, service="preprocessor"):
        gathering.add(Record(out.value, offset=offset, topic=RAW.dlq, timestamp=at_ms))
    return gathering.messages[0]


@pytest.mark.parametrize(
    ("text", "before_noon_s"),
    [
        ("2026-11-25T12:00", 0),
        ("2026-11-25 11:59:30", 30),
        ("2026-11-25T13:00+02:00", 3_600),
        ("2026-11-25", 12 * 3_600),
        ("90m", 90 * 60),
        ("2h", 7_200),
        ("1d", 86_400),
        ("5s", 5),
    ],
)
def test_times(text: str, before_noon_s: int) -> None:
    assert moments.moment(text, NOON) == NOON_MS - before_noon_s * 1000


@pytest.mark.parametrize("text", ["", "now", "2h30m", "-1h", "25.11.2026", "1234"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(AstroScaleError, match="is no time"):
        moments.moment(text, NOON)


def test_positions() -> None:
    assert selection.parse_position("raw-0-17") == ("raw", 0, 17)
    assert selection.parse_position(f"{ENCODED.dlq}-3-4") == ("encoded", 3, 4)
    for wrong in ("raw", "raw-17", "raw-x-1", "raw-0-", f"{RAW.topic}-0-1", "cooked-0-1"):
        with pytest.raises(AstroScaleError, match="is no position"):
            selection.parse_position(wrong)


def test_filters() -> None:
    one = message("out_of_range", "wrong_type")
    assert Selection().takes(one)
    assert Selection().everything
    assert Selection(reason="wrong_type").takes(one)
    assert not Selection(reason="bad_json").takes(one)
    assert Selection(since_ms=NOON_MS, until_ms=NOON_MS + 1).takes(one)
    assert not Selection(since_ms=NOON_MS + 1).takes(one)
    assert not Selection(until_ms=NOON_MS).takes(one)
    assert Selection(position=("raw", 0, 5)).takes(one)
    assert not Selection(position=("raw", 0, 6)).takes(one)
    assert not Selection(position=("encoded", 0, 5)).takes(one)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"topic": "cooked"}, "raw or encoded"), ({"reason": "typo"}, "is no reason; there are empty_message,")],
)
def test_wrong_options_are_a_sentence(options: dict[str, str], said: str) -> None:
    with pytest.raises(AstroScaleError, match=said) as raised:
        selection.parse(**options)
    assert raised.value.code == "usage"


def test_the_summary_counts_rows_messages_and_what_was_re_driven() -> None:
    first, second = message("wrong_type"), message("out_of_range", "out_of_range", "wrong_type", offset=6)
    given = Receipts({(second.key, second.at_ms): {1, 2}})
    found = summary.by_reason([first, second], given)
    assert [(of.reason, of.rows, of.messages, of.redriven) for of in found] == [
        ("wrong_type", 2, 2, 1),
        ("out_of_range", 2, 1, 1),
    ]
    assert found[0].description == "a value or column of another type"
    document = summary.document([first, second], given, 1, limit=1)
    assert [one["position"] for one in document["letters"]] == ["raw-0-6"]
    assert document["letters"][0]["redriven"] == 2
