"""The ledger's totals: restored, stored within the broker's limit, and added up."""

import pytest
from astroscale_shared.messaging import ledger, topics
from astroscale_shared.messaging.contracts import LedgerTotals


def totals(service: str = "preprocessor", partition: int = 0, **changed: object) -> LedgerTotals:
    values = {"service": service, "topic": "raw", "partition": partition, "next_offset": 5} | changed
    return LedgerTotals.model_validate(values)


def test_totals_survive_the_offsets_metadata() -> None:
    given = totals(rows_in=7, rows_out=5, rows_rejected=2, rejected_by={"bad_json": 2})
    assert ledger.restore(ledger.store(given), service="x", topic="y", partition=9, offset=9) == given


def test_a_partition_without_metadata_begins_at_zero() -> None:
    found = ledger.restore("", service="preprocessor", topic="raw", partition=3, offset=17)
    assert (found.rows_in, found.next_offset, found.partition) == (0, 17, 3)


def test_the_largest_totals_fit_into_an_offsets_metadata() -> None:
    codes = [
        "empty_message", "not_utf8", "bad_json", "bad_arrow", "too_many_rows", "too_large", "wrong_type", "too_long",
        "duplicate_column", "broken_line", "not_an_object", "not_finite", "missing_required", "out_of_range",
    ]  # fmt: skip
    huge = 10**15
    given = totals(rows_in=huge, rows_out=huge, rows_rejected=huge, rejected_by=dict.fromkeys(codes, huge))
    assert len(ledger.store(given)) < 4_000


def test_the_ledgers_key_is_one_for_each_partition_and_kind() -> None:
    keys = {ledger.key_of(totals(s, p)) for s in ("preprocessor", "inference") for p in range(4)}
    assert len(keys) == 8
    out = ledger.record(totals())
    assert (out.topic, out.key) == (topics.LEDGER, b"preprocessor/raw-0-first")


def test_sums_are_by_service() -> None:
    stages = ledger.add_up(
        [
            totals(rows_in=10, rows_out=8, rows_rejected=2, messages=3, rejected_by={"a": 1, "b": 1}),
            totals(partition=1, rows_in=5, rows_out=4, rows_rejected=1, messages=1, rejected_by={"a": 1}),
            totals("inference", rows_in=12, rows_out=12),
        ]
    )
    assert stages["preprocessor"].rows_in == 15
    assert stages["preprocessor"].rejected_by == {"a": 2, "b": 1}
    assert stages["preprocessor"].messages == 4
    assert stages["inference"].rows_out == 12


@pytest.mark.parametrize(("out", "rejected", "adds_up"), [(8, 2, True), (8, 1, False), (9, 2, False), (10, 0, True)])
def test_a_stage_adds_up_when_no_row_is_lost_or_twice(out: int, rejected: int, adds_up: bool) -> None:
    (stage,) = ledger.add_up([totals(rows_in=10, rows_out=out, rows_rejected=rejected)]).values()
    assert stage.adds_up is adds_up


def test_nothing_adds_up_to_nothing() -> None:
    assert ledger.add_up([]) == {}


def test_every_topic_of_the_table_is_there_once_and_compacted_ones_have_keys_to_keep() -> None:
    names = [topic.name for topic in topics.TABLE]
    assert len(names) == len(set(names))
    compacted = {topic.name for topic in topics.TABLE if topic.config.get("cleanup.policy") == "compact"}
    assert compacted == {topics.REDRIVEN, topics.INGEST_PROGRESS, topics.LEDGER, topics.FEDERATION_STATE, topics.MODELS}
