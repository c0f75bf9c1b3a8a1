"""Dead letters: the refused message once, whole, and every reason, however many and however large."""

import base64
import random
import zlib

import pytest
from astroscale_shared.messaging import deadletters, headers, provenance
from astroscale_shared.messaging.contracts import DeadLetter, RejectedRow
from astroscale_shared.messaging.provenance import Provenance
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
    assert base64.b64decode(letter.key_base64 or "") == record.key
    assert letter.headers_base64 == {"run-id": "YWJj", "x": None}
    assert (letter.hop, letter.rows_total, letter.service) == (0, 3, "preprocessor")
    assert [row.row for row in letter.rejected] == [0, 1, 2]


def test_a_redriven_message_keeps_its_origin_and_hop() -> None:
    sent = provenance.write(Provenance("astro.observations.raw.v1-0-7", hop=1, rows=provenance.runs((2,))))
    (letter,) = letters(Record(b"x", sent, offset=99))
    assert (letter.origin, letter.hop) == ("astro.observations.raw.v1-0-7", 1)


def test_a_message_with_a_malformed_provenance_is_its_own_origin() -> None:
    sent: list[tuple[str, bytes | None]] = [("astro-origin", b"elsewhere-0-7"), ("astro-hop", b"-3")]
    (letter,) = letters(Record(b"x", sent, offset=99))
    assert (letter.origin, letter.hop) == ("astro.observations.raw.v1-0-99", 0)
    assert (letter.headers_base64 or {})["astro-hop"] == base64.b64encode(b"-3").decode()


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


@pytest.mark.parametrize("rows", [1, 25_000])
def test_one_that_cannot_be_packed_is_whole_again_after_joining(rows: int) -> None:
    value = random.Random(1).randbytes(5_000_000)
    found = letters(Record(value, offset=3), rows)
    assert {letter.value_packing for letter in found} == {"none"}
    assert [(letter.part, letter.chunk, letter.chunks) for letter in found] == [(0, 0, 3), (1, 1, 3), (2, 2, 3)]
    assert {letter.offset for letter in found} == {3}
    assert deadletters.join(reversed(found)) == value
    assert [row.row for letter in found for row in letter.rejected] == list(range(rows))


def test_one_that_is_too_large_even_packed_is_whole_again_after_joining() -> None:
    value = random.Random(1).randbytes(3_000_000) + b"0" * 9_000_000
    found = letters(Record(value))
    assert [letter.value_packing for letter in found] == ["zlib", "zlib"]
    assert deadletters.join(found) == value


def test_parts_of_an_older_writer_are_joined() -> None:
    old = [letter.model_copy(update={"chunk": 0, "chunks": 1}) for letter in letters(Record(b"whole"), 20_000)]
    assert deadletters.join(old) == b"whole"


def test_reasons_of_any_length_go_on_in_further_letters() -> None:
    long = [RejectedRow(row=i, code="wrong_type", value="\x01" * 60, detail="\x02" * 5_000) for i in range(2_000)]
    made = deadletters.letters(RAW_DLQ, Record(b"x" * 2_000_000), {}, long, rows_total=2_000, service="preprocessor")
    assert all(len(out.value) < DLQ_MAX_BYTES for out in made)
    found = [DeadLetter.model_validate_json(out.value) for out in made]
    assert [row.row for letter in found for row in letter.rejected] == list(range(2_000))


def test_keys_and_headers_cannot_make_a_letter_too_large() -> None:
    """With a full value and the longest reasons besides. What a producer of stars has is kept as it was."""
    many = [(f"header-{i}", b"\x01" * 1_000_000) for i in range(200)]
    small: list[tuple[str, bytes | None]] = [("run-id", b"\xff"), ("null", None)]
    record = Record(b"x" * 2_097_152, [*many, *small], key=b"\x01" * 20_000_000)
    long = [RejectedRow(row=i, code="wrong_type", value="\x01" * 60, detail="\x02" * 5_000) for i in range(300)]
    (made,) = deadletters.letters(
        RAW_DLQ, record, headers.read(record.headers), long, rows_total=300, service="preprocessor"
    )
    assert len(made.value) + len(made.key or b"") < DLQ_MAX_BYTES
    letter = DeadLetter.model_validate_json(made.value)
    assert len(letter.headers) == deadletters.MAX_HEADERS
    assert letter.headers_base64 == {"run-id": base64.b64encode(b"\xff").decode(), "null": None}


def test_nothing_refused_is_no_letter() -> None:
    assert letters(Record(b"x"), 0) == []
