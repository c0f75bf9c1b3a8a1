"""Who travels together, who waits, and what happens to all when one fails."""

import asyncio
from collections.abc import Sequence

import pytest
from astroscale_gateway import batcher as module
from astroscale_gateway.batcher import Batcher, Limits
from astroscale_shared.runtime.errors import AstroScaleError

LIMITS = Limits(deadline=5.0, window=0.005, max_rows=8, in_flight=2, max_waiting=20)


class Sender:
    """Doubles numbers; holds replies back while `gate` is not set."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.timeouts: list[float] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, rows: Sequence[int], timeout: float) -> list[int]:
        self.batches.append(list(rows))
        self.timeouts.append(timeout)
        await self.gate.wait()
        if 13 in rows:
            raise AstroScaleError("spoilt", "13 is never answered")
        if 14 in rows:
            raise AstroScaleError("deadline_exceeded", "too late", retryable=True)
        return [row * 2 for row in rows]


@pytest.fixture
def sender() -> Sender:
    return Sender()


async def test_a_lone_row_goes_at_once(sender: Sender) -> None:
    batcher = Batcher(sender, LIMITS)
    answer = batcher.submit(4)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert sender.batches == [[4]]
    assert await answer == 8
    assert batcher.waiting == 0


async def test_rows_of_the_same_turn_go_together_and_keep_their_order(sender: Sender) -> None:
    batcher = Batcher(sender, LIMITS)
    answers = await asyncio.gather(*(batcher.submit(i) for i in range(5)))
    assert answers == [0, 2, 4, 6, 8]
    assert sender.batches == [[0, 1, 2, 3, 4]]


async def test_while_one_is_under_way_rows_wait_for_the_window(sender: Sender) -> None:
    batcher = Batcher(sender, LIMITS)
    sender.gate.clear()
    first = batcher.submit(1)
    await asyncio.sleep(0.001)
    others = [batcher.submit(i) for i in (2, 3)]
    await asyncio.sleep(0.001)
    assert sender.batches == [[1]]
    await asyncio.sleep(0.02)
    assert sender.batches == [[1], [2, 3]]
    sender.gate.set()
    assert await asyncio.gather(first, *others) == [2, 4, 6]


async def test_beyond_the_batches_in_flight_rows_wait_for_one_to_come_back(sender: Sender) -> None:
    batcher = Batcher(sender, LIMITS)
    sender.gate.clear()
    answers = [batcher.submit(1)]
    await asyncio.sleep(0.001)
    answers.append(batcher.submit(2))
    await asyncio.sleep(0.02)
    answers += [batcher.submit(i) for i in range(3, 12)]
    await asyncio.sleep(0.02)
    assert sender.batches == [[1], [2]]
    sender.gate.set()
    await asyncio.gather(*answers)
    assert sender.batches[2:] == [list(range(3, 11)), [11]]  # eight rows are the most that go together


async def test_a_late_batch_holds_nobody_back(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.02)
    batcher = Batcher(sender, Limits(deadline=5.0, window=0.001, max_rows=8, in_flight=1, max_waiting=20))
    sender.gate.clear()
    lost = batcher.submit(1)
    await asyncio.sleep(0.001)
    waiting = batcher.submit(2)
    await asyncio.sleep(0.06)
    assert sender.batches == [[1], [2]]
    sender.gate.set()
    assert await asyncio.gather(lost, waiting) == [2, 4]
    assert batcher.waiting == 0


async def test_too_many_waiting_are_refused_and_the_others_are_served(sender: Sender) -> None:
    batcher = Batcher(sender, LIMITS)
    sender.gate.clear()
    answers = [batcher.submit(i) for i in range(LIMITS.max_waiting)]
    with pytest.raises(AstroScaleError) as refused:
        batcher.submit(99)
    assert refused.value.code == "busy"
    assert refused.value.retryable
    sender.gate.set()
    assert len(await asyncio.gather(*answers, return_exceptions=True)) == LIMITS.max_waiting
    assert await batcher.submit(99) == 198


async def test_one_that_spoils_a_batch_fails_alone(sender: Sender) -> None:
    batcher = Batcher(sender, LIMITS)
    answers = await asyncio.gather(*(batcher.submit(i) for i in (1, 13, 2, 3)), return_exceptions=True)
    assert [answers[0], answers[2], answers[3]] == [2, 4, 6]
    assert isinstance(answers[1], AstroScaleError)
    assert answers[1].code == "spoilt"


async def test_what_may_pass_is_not_asked_again(sender: Sender) -> None:
    batcher = Batcher(sender, LIMITS)
    answers = await asyncio.gather(*(batcher.submit(i) for i in (1, 14)), return_exceptions=True)
    assert [a.code for a in answers if isinstance(a, AstroScaleError)] == ["deadline_exceeded"] * 2
    assert len(sender.batches) == 1


async def test_an_answer_for_another_number_of_rows_is_nobodys() -> None:
    async def short(rows: Sequence[int], _timeout: float) -> list[int]:
        return list(rows[:-1])

    answers = await asyncio.gather(*(Batcher(short, LIMITS).submit(i) for i in (1, 2)), return_exceptions=True)
    assert {a.code for a in answers if isinstance(a, AstroScaleError)} == {"bad_reply"}


async def test_an_unexpected_error_reaches_every_caller_without_its_trace() -> None:
    async def broken(_rows: Sequence[int], _timeout: float) -> list[int]:
        raise KeyError("secret")

    batcher = Batcher(broken, LIMITS)
    answers = await asyncio.gather(batcher.submit(1), batcher.submit(2), return_exceptions=True)
    assert all(isinstance(a, AstroScaleError) and a.code == "internal_error" for a in answers)
    assert "secret" not in str(answers)
    assert batcher.waiting == 0


async def test_the_time_in_the_queue_counts(sender: Sender) -> None:
    batcher = Batcher(sender, Limits(deadline=1.0, window=0.05, max_rows=8, in_flight=2, max_waiting=20))
    sender.gate.clear()
    answers = [batcher.submit(1)]
    await asyncio.sleep(0.001)
    answers.append(batcher.submit(2))
    await asyncio.sleep(0.1)
    assert sender.timeouts[1] < 0.96
    sender.gate.set()
    await asyncio.gather(*answers)


async def test_a_caller_that_gave_up_disturbs_nobody(sender: Sender) -> None:
    batcher = Batcher(sender, LIMITS)
    gone, stays = batcher.submit(1), batcher.submit(2)
    gone.cancel()
    assert await stays == 4


async def test_closing_answers_all_and_takes_no_more(sender: Sender) -> None:
    batcher = Batcher(sender, LIMITS)
    sender.gate.clear()
    answers = [batcher.submit(i) for i in range(10)]
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0.01)
    with pytest.raises(AstroScaleError, match="stopping"):
        batcher.submit(11)
    sender.gate.set()
    await closing
    assert [a.result() for a in answers] == [i * 2 for i in range(10)]
