"""Whether the ledger's sums add up."""

from astroscale_client.chain_status import Status, stages_of
from astroscale_client.commands.status import rendered
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
