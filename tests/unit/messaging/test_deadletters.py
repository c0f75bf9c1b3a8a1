"""Dead letters: the refused message once, whole, and every reason, however many and however large."""

import base64
import random
import zlib

import pytest
from astroscale_shared.messaging import deadletters, headers
from astroscale_shared.messaging.contracts import DeadLetter, RejectedRow
from astroscale_shared.messaging.topics import DLQ_MAX_BYTES, RAW_DLQ

from tests.support.stars import Record


def letters(record: Record, rows: int = 1) -> list[DeadLetter]:
    refused = [
        RejectedRow(row=i, code="out_of_range", field="dec", value="91", detail="dec is 91") for i in range(rows)
    ]
    made = deadletters.letters(
        RAW_DLQ, record, headers.read(record.headers), refused, rows_total=rows, service="preprocessor"
    )
    assert all(out.topic == RAW_DLQ for out in made)
    assert all(len(out.value) + len(out.key or b"") < DLQ_MAX_BYTES for out in made)
    return [DeadLetter.model_validate_json(out.value) for out in made]


def test_a_letter_holds_the_message_its_place_and_the_reasons() -> None:
    record = Record(b"\xff\x00bytes", [("run-id", b"abc"), ("x", None)], offset=41, partition=2, key=b"star-\xff")
    (letter,) = letters(record, 3)
    assert base64.b64decode(letter.value_base64) == record.value
    assert letter.value_packing == "none"
    assert (letter.topic, letter.partition, letter.offset) == (record.topic, 2, 41)
    assert letter.origin == "astro.observations.raw.v1-2-41"
    assert letter.timestamp_ms == record.timestamp
    assert letter.key == "star-\\xff"
    assert letter.headers == {"run-id": "abc", "x": ""}
    assert (letter.hop, letter.rows_total, letter.service) == (0, 3, "preprocessor")
    assert [row.row for row in letter.rejected] == [0, 1, 2]


def test_a_redriven_message_keeps_its_origin_and_hop() -> None:
    (letter,) = letters(Record(b"x", [("origin", b"astro.observations.raw.v1-0-7"), ("hop", b"1")], offset=99))
    assert (letter.origin, letter.hop) == ("astro.observations.raw.v1-0-7", 1)


def test_a_message_without_content_has_an_empty_letter() -> None:
    (letter,) = letters(Record(None))
    assert letter.value_base64 == ""


@pytest.mark.parametrize(
    ("rows", "parts"), [(10_000, [10_000]), (10_001, [10_000, 1]), (25_000, [10_000, 10_000, 5_000])]
)
def test_many_reasons_go_on_in_further_letters_and_the_message_is_sent_once(rows: int, parts: list[int]) -> None:
    found = letters(Record(b"whole", offset=5), rows)
    assert [len(letter.rejected) for letter in found] == parts
    assert [letter.part for letter in found] == list(range(len(parts)))
    assert [row.row for letter in found for row in letter.rejected] == list(range(rows))
    assert [bool(letter.value_base64) for letter in found] == [True] + [False] * (len(parts) - 1)
    assert {(letter.offset, letter.rows_total) for letter in found} == {(5, rows)}


def test_a_message_that_unfolds_beyond_a_letter_is_packed() -> None:
    value = b'{"ra":1,"dec":2}\n' * 2_000_000
    letter = letters(Record(value), 10_000)[0]
    assert letter.value_packing == "zlib"
    assert zlib.decompress(base64.b64decode(letter.value_base64)) == value


def test_one_that_cannot_be_packed_is_cut_and_keeps_its_place() -> None:
    value = random.Random(1).randbytes(5_000_000)
    letter = letters(Record(value, offset=3))[0]
    assert letter.value_packing == "cut"
    assert value.startswith(base64.b64decode(letter.value_base64))
    assert letter.offset == 3


def test_keys_and_headers_cannot_make_a_letter_too_large() -> None:
    many = [(f"header-{i}", b"x" * 1_000_000) for i in range(200)]
    (letter,) = letters(Record(b"x", [("origin", b"o" * 5_000_000), *many], key=b"k" * 20_000_000))
    assert len(letter.headers) == deadletters.MAX_HEADERS
