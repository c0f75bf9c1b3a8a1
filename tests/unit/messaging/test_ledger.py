"""The ledger's totals: restored, stored within the broker's limit, and added up."""

from collections import Counter

import pytest
from astroscale_shared.messaging import ledger, topics
from astroscale_shared.messaging.contracts import LedgerTotals
from astroscale_shared.messaging.ledger import Counts
from astroscale_shared.messaging.provenance import KINDS, Kind
from astroscale_shared.messaging.reasons import Reason


def totals(service: str = "preprocessor", partition: int = 0, **changed: object) -> LedgerTotals:
    values = {"service": service, "topic": "raw", "partition": partition, "next_offset": 5} | changed
    return LedgerTotals.model_validate(values)


def restored(state: str = "", offset: int = 0) -> ledger.Totals:
    return ledger.restore(state, service="preprocessor", topic="raw", partition=3, offset=offset)


def counted(rows_in: int, rows_out: int, **rejected: int) -> Counts:
    return Counts(rows_in, rows_out, Counter(rejected), messages=1)


def test_totals_survive_the_offsets_metadata() -> None:
    counts: dict[Kind, Counts] = {
        "first": counted(7, 5, bad_json=2),
        "redrive": counted(3, 2, out_of_range=1),
        "replay": Counts(messages=2, empty=2),
    }
    given = ledger.advance(restored(offset=17), 41, counts, expired=5)
    assert restored(ledger.store(given), offset=99) == given
    assert {entry.next_offset for entry in given.values()} == {41}
    assert {entry.offsets_expired for entry in given.values()} == {5, 0}
    assert given["first"].offsets_expired == 5


def test_kinds_are_counted_apart_and_go_on_together() -> None:
    before = ledger.advance(restored(), 3, {"first": counted(7, 5, bad_json=2)})
    after = ledger.advance(before, 9, {"redrive": counted(3, 2, bad_json=1)})
    after = ledger.advance(after, 12, {"redrive": counted(4, 3, bad_json=1), "first": counted(1, 1)})
    assert [(e.kind, e.next_offset, e.rows_in, e.rows_out, e.rejected_by) for e in after.values()] == [
        ("first", 12, 8, 6, {"bad_json": 2}),
        ("redrive", 12, 7, 5, {"bad_json": 2}),
    ]
    assert after["redrive"].messages == 2


def test_a_partition_without_metadata_begins_at_zero() -> None:
    found = restored(offset=17)
    assert list(found) == ["first"]
    assert (found["first"].rows_in, found["first"].next_offset, found["first"].partition) == (0, 17, 3)


def test_the_largest_totals_fit_into_an_offsets_metadata() -> None:
    """Every code, in every kind, and numbers that a century does not reach."""
    huge = 10**15
    every: dict[Kind, Counts] = {
        kind: Counts(huge, huge, Counter(dict.fromkeys(Reason, huge)), huge, huge) for kind in KINDS
    }
    given = ledger.advance(restored(), huge, every, expired=huge)
    assert len(ledger.store(given)) < 4_000
    assert restored(ledger.store(given), offset=0) == given
    assert given["replay"].rows_rejected == huge * len(Reason)


def test_the_ledgers_key_is_one_for_each_partition_and_kind() -> None:
    keys = {ledger.key_of(totals(s, p, kind=k)) for s in ("preprocessor", "inference") for p in range(4) for k in KINDS}
    assert len(keys) == 24


def test_a_kind_is_written_once_it_has_counted_anything() -> None:
    fresh = restored()
    (out,) = ledger.records(fresh)
    assert (out.topic, out.key) == (topics.LEDGER, b"preprocessor/raw-3-first")
    replayed = ledger.advance(fresh, 1, {"replay": Counts(messages=1, empty=1)})
    assert [out.key for out in ledger.records(replayed)] == [b"preprocessor/raw-3-first", b"preprocessor/raw-3-replay"]
    written = [LedgerTotals.model_validate_json(out.value) for out in ledger.records(replayed)]
    assert written == list(replayed.values())


def test_sums_are_by_service() -> None:
    stages = ledger.add_up(
        [
            totals(rows_in=10, rows_out=8, rows_rejected=2, messages=3, rejected_by={"a": 1, "b": 1}),
            totals(partition=1, rows_in=5, rows_out=4, rows_rejected=1, messages=1, rejected_by={"a": 1}),
            totals(kind="redrive", rows_in=2, rows_out=1, rows_rejected=1, messages=1, rejected_by={"b": 1}),
            totals("inference", rows_in=12, rows_out=12, offsets_expired=4),
        ]
    )
    assert stages["preprocessor"].rows_in == 17
    assert {kind: of.rows_in for kind, of in stages["preprocessor"].kinds.items()} == {"first": 15, "redrive": 2}
    assert stages["inference"].offsets_expired == 4
    assert stages["preprocessor"].rejected_by == {"a": 2, "b": 2}
    assert stages["preprocessor"].messages == 5
    assert stages["inference"].rows_out == 12


@pytest.mark.parametrize(("out", "rejected", "adds_up"), [(8, 2, True), (8, 1, False), (9, 2, False), (10, 0, True)])
def test_a_stage_adds_up_when_no_row_is_lost_or_twice(out: int, rejected: int, adds_up: bool) -> None:
    (stage,) = ledger.add_up([totals(rows_in=10, rows_out=out, rows_rejected=rejected)]).values()
    assert stage.adds_up is adds_up


def test_kinds_that_only_add_up_together_do_not_add_up() -> None:
    (stage,) = ledger.add_up([totals(rows_in=9, rows_out=10), totals(kind="redrive", rows_in=1)]).values()
    assert stage.rows_in == stage.rows_out
    assert not stage.adds_up


def test_nothing_adds_up_to_nothing() -> None:
    assert ledger.add_up([]) == {}


def test_every_topic_of_the_table_is_there_once_and_compacted_ones_have_keys_to_keep() -> None:
    names = [topic.name for topic in topics.TABLE]
    assert len(names) == len(set(names))
    compacted = {topic.name for topic in topics.TABLE if topic.config.get("cleanup.policy") == "compact"}
    assert compacted == {topics.REDRIVEN, topics.INGEST_PROGRESS, topics.LEDGER, topics.FEDERATION_STATE, topics.MODELS}
