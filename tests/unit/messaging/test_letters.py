"""Letters of refused messages, put together again."""

import base64
import json

import numpy as np
import pytest
from astroscale_shared.messaging import deadletters, letters
from astroscale_shared.messaging.contracts import RejectedRow
from astroscale_shared.messaging.letters import RAW, Gathering
from astroscale_shared.messaging.outcome import Outgoing
from astroscale_shared.runtime.errors import AstroScaleError

from tests.support.stars import Record

BIG = np.random.default_rng(1).bytes(5 << 20)


def rejected(rows: int, code: str = "out_of_range") -> list[RejectedRow]:
    return [RejectedRow(row=row, code=code, field="ra", value="400", detail="ra is 400") for row in range(rows)]


def written(record: Record, refused: list[RejectedRow], rows_total: int = 100) -> list[Outgoing]:
    return deadletters.letters(RAW.dlq, record, {}, refused, rows_total=rows_total, service="preprocessor")


def gathered(*sent: Outgoing | bytes) -> Gathering:
    """As they are read from offset 10 on."""
    gathering = Gathering(RAW)
    for offset, out in enumerate(sent, 10):
        value = out if isinstance(out, bytes) else out.value
        gathering.add(Record(value, offset=offset, topic=RAW.dlq))
    return gathering


def whole(sent: list[Outgoing]) -> bytes:
    return letters.value([found for out in reversed(sent) if (found := letters.parse(out.value)) is not None])


def test_one_letter_is_one_message() -> None:
    record = Record(b"[1]", [("a", b"\xff"), ("none", None)], offset=7, partition=2, key=b"\x00k")
    sent = written(record, [*rejected(2), RejectedRow(row=9, code="wrong_type", detail="no number")])
    message = gathered(*sent).messages[0]
    assert (message.position, message.key, message.offsets) == ("raw-0-10", f"{RAW.dlq}-0-10", [10])
    assert message.rows == {"out_of_range": [0, 1], "wrong_type": [9]}
    assert (message.chosen(), message.chosen("wrong_type"), message.refused) == ([0, 1, 9], [9], 3)
    assert (message.head.topic, message.head.partition, message.head.offset) == (RAW.topic, 2, 7)
    assert message.example is not None
    assert message.example.value == "400"
    assert letters.key(message.head) == b"\x00k"
    assert letters.headers(message.head) == [("a", b"\xff"), ("none", None)]
    assert whole(sent) == b"[1]"


def test_many_reasons_and_a_large_value_are_one_message() -> None:
    sent = written(Record(BIG), rejected(25_000), rows_total=30_000)
    assert len(sent) > 2
    message = gathered(*sent).messages[0]
    assert message.whole
    assert message.parts == list(range(len(sent)))
    assert message.chosen() == list(range(25_000))
    assert whole(sent) == BIG


def test_letters_of_other_messages_may_lie_between() -> None:
    first, second = written(Record(BIG, offset=1), rejected(1)), written(Record(BIG, offset=2), rejected(1))
    gathering = gathered(first[0], second[0], first[1], *second[1:], *first[2:])
    assert [m.head.offset for m in gathering.messages] == [1, 2]
    assert all(m.whole for m in gathering.messages)
    assert gathering.messages[0].offsets[:2] == [10, 12]


def test_a_message_that_was_refused_twice_is_two() -> None:
    sent = written(Record(b"[1]"), rejected(1))
    assert [m.offset for m in gathered(*sent, *sent).messages] == [10, 11]


def test_what_has_expired_is_missed() -> None:
    sent = written(Record(BIG), rejected(1))
    message = gathered(*sent[1:]).messages[0]
    assert not message.whole
    with pytest.raises(AstroScaleError, match="expired") as raised:
        whole(sent[1:])
    assert raised.value.code == "letter_cut"


def test_a_letter_of_an_older_version_is_read() -> None:
    old = {
        **json.loads(written(Record(b"[1]", key=b"k"), rejected(1))[0].value),
        "headers": {"content-type": "application/json"},
        "value_base64": base64.b64encode(b"[1]").decode(),
    }
    for name in ("key_base64", "headers_base64", "chunk", "chunks", "value_packing"):
        del old[name]
    message = gathered(json.dumps(old).encode()).messages[0]
    assert message.whole
    assert letters.key(message.head) == b"k"
    assert letters.headers(message.head) == [("content-type", b"application/json")]
    cut = letters.parse(json.dumps({**old, "value_packing": "cut"}).encode())
    assert cut is not None
    with pytest.raises(AstroScaleError, match="cut by an older version"):
        letters.value([cut])


def test_what_is_no_letter_of_ours_is_counted() -> None:
    about_another = written(Record(b"x", topic="else"), rejected(1))
    gathering = gathered(b"no letter", *about_another)
    assert (gathering.messages, gathering.unreadable) == ([], 2)


def test_text_is_shown_only_where_it_is_text() -> None:
    assert letters.text(b'{"ra": 1}\n') == '{"ra": 1}\n'
    assert letters.text(b"\xff") is None
    assert letters.text(b"\x1b[2J") is None
    assert letters.text("ä".encode() * 5_000) == "ä" * 4_000 + " ... (5,000 characters)"
    assert letters.printable("a\x1b[31m\n") == "a\\x1b[31m\n"
