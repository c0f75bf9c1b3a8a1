"""What a re-drive sends: the original, the rows that are meant, and where it comes from."""

import pytest
from astroscale_shared.messaging import copies, deadletters, provenance, receipts, redrive
from astroscale_shared.messaging.contracts import RejectedRow
from astroscale_shared.messaging.headers import Headers
from astroscale_shared.messaging.letters import RAW, Gathering, Refused
from astroscale_shared.messaging.outcome import Outgoing
from astroscale_shared.messaging.provenance import Provenance, runs
from astroscale_shared.messaging.receipts import Receipts
from astroscale_shared.messaging.redrive import Original

from tests.support.stars import Record

NONE = Receipts({})


def refused(
    *rows: int, of: int = 100, headers: Headers | None = None, codes: dict[int, str] | None = None
) -> tuple[Refused, Original]:
    """A refused message at raw partition 2, offset 7, whose letter is raw-0-3."""
    record = Record(b"[...]", headers or [], offset=7, partition=2, key=b"k")
    found = {name: value.decode() for name, value in headers or []}
    rejected = [RejectedRow(row=row, code=(codes or {}).get(row, "out_of_range"), detail="bad") for row in rows]
    gathering = Gathering(RAW)
    for out in deadletters.letters(RAW.dlq, record, found, rejected, rows_total=of, service="preprocessor"):
        gathering.add(Record(out.value, offset=3, topic=RAW.dlq))
    return gathering.messages[0], Original(b"[...]", b"k", headers or [])


def said(outgoing: Outgoing) -> Provenance:
    return copies.said(outgoing.headers)


def test_a_copy_names_the_rows_and_says_where_it_comes_from() -> None:
    message, original = refused(3, 4, 50, headers=[("content-type", b"application/json"), ("Run-Id", b"r")])
    [(rows, out)] = redrive.copy(message, original, [3, 4, 50])
    assert rows == [3, 4, 50]
    assert (out.topic, out.partition, out.key, out.value) == (RAW.topic, 2, b"k", b"[...]")
    assert out.headers[:2] == [("content-type", b"application/json"), ("Run-Id", b"r")]
    assert said(out) == Provenance(f"{RAW.topic}-2-7", 1, runs((3, 4, 50)))


def test_a_second_hop_keeps_the_first_origin_and_a_replay() -> None:
    before = Provenance("raw-1-1", 1, runs((3, 4)), "again")
    message, original = refused(4, headers=provenance.write(before))
    [(_, out)] = redrive.copy(message, original, [4])
    assert said(out) == Provenance("raw-1-1", 2, runs((4,)), "again")
    assert len(out.headers) == 4


def test_a_message_that_could_not_be_read_whole_names_what_it_named_before() -> None:
    message, original = refused(0, of=1)
    [(rows, out)] = redrive.copy(message, original, [0])
    assert (rows, said(out).rows) == ([0], None)
    message, original = refused(0, of=1, headers=provenance.write(Provenance("o", 1, runs((5, 6)))))
    [(_, out)] = redrive.copy(message, original, [0])
    assert said(out).rows == runs((5, 6))


def test_rows_beyond_a_header_go_in_further_copies() -> None:
    rows = list(range(0, 10_000, 2))
    message, original = refused(*rows, of=10_000)
    made = redrive.copy(message, original, rows)
    assert [len(named) for named, _ in made] == [2_000, 2_000, 1_000]
    assert [row for named, _ in made for row in named] == rows
    assert [said(out).rows for _, out in made] == [runs(named) for named, _ in made]
    together = redrive.copy(message, original, list(range(10_000)))
    assert len(together) == 1


def test_a_plan_takes_rows_of_the_reason_that_have_no_receipt() -> None:
    message, _ = refused(1, 2, 3, codes={2: "wrong_type"})
    given = Receipts({(f"{RAW.dlq}-0-3", message.at_ms): {1}})
    assert redrive.plan(message, NONE).rows == [1, 2, 3]
    assert redrive.plan(message, NONE, reason="wrong_type").rows == [2]
    planned = redrive.plan(message, given, reason="out_of_range")
    assert (planned.rows, planned.done, planned.problem) == ([3], 1, None)
    # A topic that was made anew has another letter at the same position.
    assert redrive.plan(message, Receipts({(f"{RAW.dlq}-0-3", 1): {1}})).done == 0


def test_where_no_letter_names_the_rows_any_more_that_is_said() -> None:
    message, _ = refused(1)
    message.rows = {}
    assert redrive.plan(message, NONE).problem == "the letter that named its refused rows has expired"


@pytest.mark.parametrize(("hop", "most", "goes"), [(0, 1, True), (2, 3, True), (3, 3, False), (3, 4, True)])
def test_a_row_is_not_re_driven_for_ever(hop: int, most: int, goes: bool) -> None:
    message, _ = refused(1, headers=provenance.write(Provenance("o", hop, runs((1,)))))
    planned = redrive.plan(message, NONE, max_hops=most)
    assert (planned.problem is None) == goes
    assert goes or planned.problem == "re-driven 3 times already, and refused again"


def test_a_receipt_is_keyed_by_letter_and_first_row() -> None:
    message, _ = refused(3, 4, 50)
    out = receipts.write(message, [4, 50], "raw-2-90", 1)
    assert out.key == f"{RAW.dlq}-0-3-4".encode()
    receipt = receipts.Receipt.model_validate_json(out.value)
    assert (receipt.rows, receipt.hop, receipt.sent) == ("4,50", 1, "raw-2-90")


def test_only_what_the_broker_takes_is_sent() -> None:
    assert copies.fits(Outgoing("t", b"x" * 900_000), "none")
    assert copies.fits(Outgoing("t", b" " * 12_000_000), "zstd")
    assert not copies.fits(Outgoing("t", b" " * 12_000_000), "none")
