"""GET /ledger and its metrics: what the services' totals say, as an operator sees it."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest
from astroscale_gateway import ledger as following
from astroscale_gateway.schemas import LedgerResponse
from astroscale_shared.messaging import topics
from astroscale_shared.messaging.contracts import LedgerTotals

from tests.support.pipes import until
from tests.unit.gateway.conftest import Gateway
from tests.unit.gateway.fakes import FakeLedger


def totals(service: str, rows_in: int, rows_out: int, **more: Any) -> LedgerTotals:
    rejected = more.pop("rejected", {})
    return LedgerTotals(
        service=service,
        topic=topics.RAW if service == "preprocessor" else topics.ENCODED,
        partition=more.pop("partition", 0),
        next_offset=9,
        rows_in=rows_in,
        rows_out=rows_out,
        rows_rejected=sum(rejected.values()),
        rejected_by=rejected,
        messages=1,
        **more,
    )


WHOLE = (
    totals("preprocessor", 60, 58, rejected={"out_of_range": 2}),
    totals("preprocessor", 40, 40, partition=1, offsets_expired=7),
    totals("preprocessor", 2, 1, kind="redrive", rejected={"bad_json": 1}),
    totals("inference", 90, 89, rejected={"not_finite_prediction": 1}),
    totals("inference", 5, 5, kind="replay"),
)


async def _answers(client: Any, path: str = "/ledger") -> Any:
    answer: Any = None

    async def ok() -> bool:
        nonlocal answer
        answer = await client.get(path)
        return answer.status_code == 200

    await until(ok, "the ledger is read", 5)
    return answer


async def test_rows_are_told_by_stage_and_kind_and_add_up(gateway: Gateway) -> None:
    ledger = FakeLedger()
    ledger.write(*WHOLE)
    async with gateway(follow=ledger.follow) as client:
        said = (await _answers(client)).json()
    assert LedgerResponse.model_validate(said).model_dump() == said
    assert (said["adds_up"], said["mismatch_rows"], said["waiting_rows"]) == (True, 0, 9)
    encode, predict = said["stages"]
    assert (encode["stage"], encode["service"], encode["topic"]) == ("encode", "preprocessor", topics.RAW)
    assert (encode["rows_in"], encode["rows_out"], encode["rows_rejected"], encode["messages"]) == (102, 99, 3, 3)
    assert (encode["offsets_expired"], encode["rejected_by"]) == (7, {"out_of_range": 2, "bad_json": 1})
    assert encode["kinds"] == {
        "first": {"rows_in": 100, "rows_out": 98, "rows_rejected": 2},
        "redrive": {"rows_in": 2, "rows_out": 1, "rows_rejected": 1},
    }
    assert predict["kinds"]["replay"] == {"rows_in": 5, "rows_out": 5, "rows_rejected": 0}


@pytest.mark.parametrize(
    ("entry", "rows"),
    [
        (totals("preprocessor", 61, 58, rejected={"out_of_range": 2}), 1),
        (totals("inference", 5, 6, kind="replay"), 1),
        (totals("inference", 104, 104, partition=1), 95),
    ],
    ids=["lost in encode", "too many of a replay", "more than were encoded"],
)
async def test_a_row_unaccounted_for_is_a_mismatch_and_a_metric(
    gateway: Gateway, entry: LedgerTotals, rows: int
) -> None:
    ledger = FakeLedger()
    ledger.write(*WHOLE, entry)
    async with gateway(follow=ledger.follow) as client:
        said = (await _answers(client)).json()
        exposed = (await client.get("/metrics")).text
    assert (said["adds_up"], said["mismatch_rows"]) == (False, rows)
    assert f"astroscale_gateway_ledger_mismatch_rows {float(rows)}" in exposed


async def test_the_metrics_are_the_rows_by_stage_kind_and_what_became_of_them(gateway: Gateway) -> None:
    ledger = FakeLedger()
    ledger.write(*WHOLE)
    async with gateway(follow=ledger.follow) as client:
        await _answers(client)
        exposed = (await client.get("/metrics")).text
        assert 'astroscale_gateway_ledger_rows{kind="first",stage="encode",what="in"} 100.0' in exposed
        assert 'astroscale_gateway_ledger_rows{kind="redrive",stage="encode",what="rejected"} 1.0' in exposed
        assert 'astroscale_gateway_ledger_rows{kind="replay",stage="predict",what="out"} 5.0' in exposed
        assert "astroscale_gateway_ledger_mismatch_rows 0.0" in exposed
        ledger.write(totals("inference", 99, 98, rejected={"not_finite_prediction": 1}))

        async def moved() -> bool:
            return (await client.get("/ledger")).json()["waiting_rows"] == 0

        await until(moved, "the ledger is followed", 5)


async def test_before_the_topic_has_been_read_nothing_is_made_up(gateway: Gateway) -> None:
    async with gateway() as client:
        answer = await client.get("/ledger")
        exposed = (await client.get("/metrics")).text
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "starting")
    assert "astroscale_gateway_ledger_rows{" not in exposed


async def test_a_topic_that_cannot_be_followed_is_tried_again(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "AGAIN_SECONDS", 0.01)
    ledger, tries = FakeLedger(), 0
    ledger.write(*WHOLE)

    async def follow() -> AsyncGenerator[Mapping[bytes, bytes]]:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ConnectionError("no broker")
        async for latest in ledger.follow():
            yield latest

    async with gateway(follow=follow) as client:
        assert (await _answers(client)).json()["adds_up"]
    assert tries == 3


async def test_a_record_that_is_none_of_ours_is_left_out(gateway: Gateway) -> None:
    async def follow() -> AsyncGenerator[Mapping[bytes, bytes]]:
        yield {b"x": b"not json", b"y": WHOLE[0].model_dump_json().encode()}
        raise ConnectionError("it ends here")

    async with gateway(follow=follow) as client:
        assert (await _answers(client)).json()["stages"][0]["rows_in"] == 60


async def test_a_key_is_asked_for_where_there_is_one(gateway: Gateway) -> None:
    ledger = FakeLedger()
    ledger.write(*WHOLE)
    async with gateway(follow=ledger.follow, api_key="secret-of-the-night") as client:
        assert (await client.get("/ledger")).status_code == 401
        headers = {"x-api-key": "secret-of-the-night"}

        async def ok() -> bool:
            return (await client.get("/ledger", headers=headers)).status_code == 200

        await until(ok, "the ledger is read", 5)
