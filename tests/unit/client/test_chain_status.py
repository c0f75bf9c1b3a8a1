"""Whether the ledger's sums add up."""

from astroscale_client.chain_status import Status, stages_of
from astroscale_client.commands.status import rendered
from astroscale_shared.messaging import ledger
from astroscale_shared.messaging.contracts import LedgerTotals
from astroscale_shared.messaging.ledger import StageTotals
from rich.console import Console


def shown(status: Status) -> str:
    console = Console(width=140, no_color=True)
    with console.capture() as captured:
        console.print(rendered(status))
    return captured.get()


def test_rows_under_way_add_up() -> None:
    totals = {
        "preprocessor": StageTotals(
            rows_in=100, rows_out=90, rows_rejected=10, rejected_by={"a": 3, "out_of_range": 7}
        ),
        "inference": StageTotals(rows_in=60, rows_out=60),
    }
    status = Status(stages_of(totals, 4), [])
    assert status.adds_up
    assert [(s.lag, s.lag_unit) for s in status.stages] == [(4, "messages"), (30, "rows")]
    assert list(status.stages[0].rejected_by) == ["out_of_range", "a"]
    text = shown(status)
    assert "30 rows" in text
    assert "out_of_range" in text


def test_a_row_missing_does_not() -> None:
    status = Status(stages_of({"preprocessor": StageTotals(rows_in=100, rows_out=90, rows_rejected=9)}, 0), [])
    assert not status.adds_up
    assert "1 missing" in shown(status)


def test_more_scored_than_encoded_does_not() -> None:
    totals = {"preprocessor": StageTotals(rows_in=5, rows_out=5), "inference": StageTotals(rows_in=6, rows_out=6)}
    status = Status(stages_of(totals, 0), [])
    assert not status.adds_up
    assert "1 more than were encoded" in shown(status)


def test_a_new_system_is_all_zero() -> None:
    assert Status(stages_of({}, 0), []).adds_up


def test_copies_are_named_and_are_no_rows_too_many() -> None:
    """Three raw rows were re-driven; five encoded ones replayed: those were encoded once."""

    def entry(service: str, **counted: object) -> LedgerTotals:
        return LedgerTotals.model_validate(
            {"service": service, "topic": "t", "partition": 0, "next_offset": 9} | counted
        )

    totals = ledger.add_up(
        [
            entry("preprocessor", rows_in=100, rows_out=90, rows_rejected=10),
            entry("preprocessor", kind="redrive", rows_in=3, rows_out=2, rows_rejected=1),
            entry("inference", rows_in=92, rows_out=92, offsets_expired=7_000),
            entry("inference", kind="replay", rows_in=5, rows_out=5),
        ]
    )
    status = Status(stages_of(totals, 0), [])
    assert status.adds_up
    assert [stage.lag for stage in status.stages] == [0, 0]
    assert [(stage.rows_in, stage.rows_out) for stage in status.stages] == [(103, 92), (97, 97)]
    assert status.to_dict()["stages"][0]["kinds"]["redrive"] == {"rows_in": 3, "rows_out": 2, "rows_rejected": 1}
    text = shown(status)
    assert "of them re-driven" in text
    assert "of them replayed" in text
    assert "7,000 offsets expired unread" in text


def test_kinds_that_make_up_for_each_other_do_not_add_up() -> None:
    stage = StageTotals(rows_in=5, rows_out=5, kinds={"first": StageTotals(5, 4), "redrive": StageTotals(0, 1)})
    status = Status(stages_of({"preprocessor": stage}, 0), [])
    assert not status.adds_up
    assert "kinds differ" in shown(status)


def test_copies_do_not_hide_rows_that_nobody_encoded() -> None:
    stages = {
        "preprocessor": StageTotals(rows_in=5, rows_out=5),
        "inference": StageTotals(9, 9, kinds={"first": StageTotals(6, 6), "replay": StageTotals(3, 3)}),
    }
    assert ledger.mismatch(stages) == 1
    assert "1 more than were encoded" in shown(Status(stages_of(stages, 0), []))
