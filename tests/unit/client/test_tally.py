"""Places and counts of an audit."""

import numpy as np
from astroscale_client.audit.tally import Tally
from astroscale_shared.messaging.provenance import Provenance, runs


def tally() -> Tally:
    made = Tally()
    for offset, rows in ((3, 2), (5, 0), (9, 4)):
        made.add(offset, rows)
    made.close()
    return made


def test_keys_have_places_and_places_have_keys() -> None:
    made = tally()
    offsets, rows = np.array([3, 9, 9, 5, 4, 3, 12, 9]), np.array([1, 0, 3, 0, 0, 2, 0, -1])
    places, there = made.find(offsets, rows)
    assert there.tolist() == [True, True, True, False, False, False, False, False]
    assert places[there].tolist() == [1, 2, 5]
    assert made.keys(7, places[there]) == [(7, 3, 1), (7, 9, 0), (7, 9, 3)]


def test_a_message_that_names_its_rows_has_places_for_those() -> None:
    made = Tally()
    made.add(3, 2)
    made.add(5, 10, Provenance("raw-0-3", hop=1, rows=runs((1, 7))), np.array([1, 7]))
    made.add(6, 10, Provenance("raw-0-3", hop=1, rows=runs((99,))), np.array([], dtype=np.int64))
    made.add(8, 3, Provenance("raw-0-3", replay_id="r"))
    made.close()
    assert made.rows == 7
    offsets, rows = np.array([5, 5, 5, 5, 6, 8, 3]), np.array([1, 7, 0, 8, 99, 2, 1])
    places, there = made.find(offsets, rows)
    assert there.tolist() == [True, True, False, False, False, True, True]
    assert places[there].tolist() == [2, 3, 6, 1]
    assert made.keys(0, places[there]) == [(0, 5, 1), (0, 5, 7), (0, 8, 2), (0, 3, 1)]
    assert made.by_kind(None, made.rows) == {"first": 2, "redrive": 2, "replay": 3}
    made.mark("encoded", places[there])
    assert made.by_kind("encoded", made.below(8)) == {"first": 1, "redrive": 2, "replay": 0}
    assert [made.replayed_as(offset) for offset in (3, 5, 8, 9)] == [None, None, "r", None]


def test_rows_below_an_offset() -> None:
    made = tally()
    assert [made.below(offset) for offset in (0, 3, 4, 9, 10, 10**12)] == [0, 0, 2, 2, 6, 6]


def test_counts_do_not_wrap() -> None:
    made = tally()
    made.mark("encoded", np.array([0, 0, 1]))
    made.mark("encoded", np.full(300, 0))
    assert made.counts["encoded"].tolist() == [255, 1, 0, 0, 0, 0]


def test_an_empty_partition_has_nothing() -> None:
    made = Tally()
    made.close()
    assert made.rows == 0
    assert made.below(5) == 0
    assert not made.find(np.array([1]), np.array([0]))[1].any()
