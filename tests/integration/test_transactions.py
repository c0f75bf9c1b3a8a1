"""Exactly once, on the real broker: over stops, errors, kills, rebalances and owners that come back too late."""

import asyncio
import signal
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import ProducerFenced
from astroscale_shared.messaging import transactions
from astroscale_shared.messaging.lag import Lag
from astroscale_shared.messaging.transactions import TransactionsLoop

from tests.support import pipes
from tests.support.pair import Pair, once
from tests.support.pipes import committed, echo, fence, produce, running, until, visible


async def test_stopped_and_started_again_it_goes_on_where_it_was_with_its_totals(pair: Pair) -> None:
    sent = await produce(pair.settings, pair.source, 200, partitions=4)
    first = pair.loop(max_records=7)
    async with running(first):
        await until(lambda: pair.has(50), "50 records out")
        assert first.unready() == []
    done = (await visible(pair.settings, pair.out)).total()
    totals = await committed(pair.settings, pair.group, pair.source)
    assert sum(offset for offset, _ in totals.values()) == sum(int(state) for _, state in totals.values()) == done

    sent += await produce(pair.settings, pair.source, 40, partitions=4)
    async with running(pair.loop(max_records=7)):
        await until(lambda: pair.has(240), "all records out")
    assert await visible(pair.settings, pair.out) == once(sent)
    assert await committed(pair.settings, pair.group, pair.source) == dict.fromkeys(range(4), (60, "60"))


async def test_an_error_ends_the_loop_and_nothing_of_its_batch_is_seen(pair: Pair) -> None:
    sent = await produce(pair.settings, pair.source, 8)
    broken = True

    def fail_at_five(records: Sequence[Any]) -> None:
        if broken and any(record.offset == 5 for record in records):
            raise ValueError("record 5")

    loop = pair.loop(fail_at_five, max_records=2)
    with pytest.raises(ValueError, match="record 5"):
        await loop.run()
    assert loop.unready() == ["the transactions loop has ended: record 5"]
    assert await visible(pair.settings, pair.out) == once(sent[:4])
    assert (await committed(pair.settings, pair.group, pair.source))[0] == (4, "4")

    broken = False
    async with running(pair.loop(fail_at_five)):
        await until(lambda: pair.has(8), "the rest")
    assert await visible(pair.settings, pair.out) == once(sent)


async def test_a_message_that_cannot_be_sent_takes_its_whole_transaction_with_it(pair: Pair) -> None:
    await produce(pair.settings, pair.source, 3)

    def too_large(records: Sequence[Any], state: str, _: int = 0) -> transactions.Outcome:
        good = echo(pair.out)(records, state)
        return transactions.Outcome([*good.outgoing, transactions.Outgoing(pair.out, b"x" * 3_000_000)], good.state)

    loop = TransactionsLoop(pair.settings, topic=pair.source, group=pair.group, process=too_large)
    with pytest.raises(Exception, match=r"MessageSizeTooLarge|larger than"):
        await loop.run()
    assert await visible(pair.settings, pair.out) == {}
    assert await committed(pair.settings, pair.group, pair.source) == {}


async def test_cancelled_in_the_middle_of_a_batch_it_leaves_all_or_nothing(pair: Pair) -> None:
    sent = await produce(pair.settings, pair.source, 20)
    began, go_on = threading.Event(), threading.Event()

    def hold(_: Sequence[Any]) -> None:
        began.set()
        go_on.wait(20)

    task = asyncio.create_task(pair.loop(hold).run())
    await asyncio.to_thread(began.wait, 20)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await visible(pair.settings, pair.out)).total() in (0, 20)

    async with running(pair.loop()):
        await until(lambda: pair.has(20), "all records out")
    assert await visible(pair.settings, pair.out) == once(sent)


async def test_partitions_move_between_loops_and_no_record_is_lost_or_twice(pair: Pair) -> None:
    sent: list[str] = []
    one, two, three = (pair.loop(max_records=5) for _ in range(3))
    async with running(one):
        sent += await produce(pair.settings, pair.source, 80, partitions=4)
        await until(lambda: pair.has(20), "records out of the first")
        async with running(two), running(three):
            for _ in range(10):
                sent += await produce(pair.settings, pair.source, 40, partitions=4)
            await until(lambda: pair.has(len(sent)), "records out of three")
            await until(lambda: not one.unready() + two.unready() + three.unready(), "all three joined")
            sent += await produce(pair.settings, pair.source, 200, partitions=4)
        sent += await produce(pair.settings, pair.source, 40, partitions=4)
        await until(lambda: pair.has(len(sent)), "records out of the one that stayed")
        assert await one.lag() == dict.fromkeys(range(4), Lag(0, 0.0))
    assert await visible(pair.settings, pair.out) == once(sent)
    wanted = len(sent) // 4
    assert await committed(pair.settings, pair.group, pair.source) == dict.fromkeys(range(4), (wanted, str(wanted)))


async def test_a_killed_process_leaves_nothing_half_done(pair: Pair, tmp_path: Path) -> None:
    sent = await produce(pair.settings, pair.source, 2_000, partitions=4)
    gate = tmp_path / "gate"
    gate.touch()
    async with pair.other_process(gate) as process:
        await until(lambda: pair.has(100), "100 records out of the process")
        process.send_signal(signal.SIGKILL)
        await process.wait()
    done = (await visible(pair.settings, pair.out)).total()
    assert done < 2_000, "it was killed too late to tell"
    async with running(pair.loop()):
        await until(lambda: pair.has(2_000), "the rest")
    assert await visible(pair.settings, pair.out) == once(sent)


async def test_an_owner_that_wakes_too_late_is_fenced_and_its_output_never_seen(pair: Pair, tmp_path: Path) -> None:
    """The process stands still in the middle of a batch for longer than its session; another loop takes its partitions;
    then it goes on and tries to commit."""
    sent = await produce(pair.settings, pair.source, 40, partitions=4)
    gate = tmp_path / "gate"
    async with pair.other_process(gate) as process:
        assert process.stdout is not None
        await process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        async with running(pair.loop()):
            await until(lambda: pair.has(40), "all records out of the new owner")
            gate.touch()
            process.send_signal(signal.SIGCONT)
            sent += await produce(pair.settings, pair.source, 400, partitions=4)
            await until(lambda: pair.has(440), "all of both")
    assert await visible(pair.settings, pair.out) == once(sent)


async def test_the_old_owner_commits_between_the_new_ones_join_and_its_fence(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker takes the old owner's offsets although the group has a new one: so where to go on is read after."""
    sent = await produce(pair.settings, pair.source, 400, partitions=4)
    gate = tmp_path / "gate"
    joined, go_on = asyncio.Event(), asyncio.Event()
    loop = pair.loop()
    fence_now = loop._fence  # pyright: ignore[reportPrivateUsage]

    async def fence_later(*args: Any) -> None:
        joined.set()
        await go_on.wait()
        await fence_now(*args)

    monkeypatch.setattr(loop, "_fence", fence_later)
    async with pair.other_process(gate) as old:
        assert old.stdout is not None
        await old.stdout.readline()
        old.send_signal(signal.SIGSTOP)
        async with running(loop):
            try:
                await asyncio.wait_for(joined.wait(), 20)
                gate.touch()
                old.send_signal(signal.SIGCONT)
                await until(lambda: pair.has(10), "a batch that the old owner commits")
                assert loop.unready(), "the new owner has begun already"
            finally:
                go_on.set()
            await until(lambda: pair.has(400), "all of both")
    assert await visible(pair.settings, pair.out) == once(sent)


async def test_a_zombie_that_sleeps_past_the_transactions_time_out_commits_nothing(pair: Pair, tmp_path: Path) -> None:
    """Its transaction is open, with records at the broker, when it falls asleep; the broker aborts it."""
    sent = await produce(pair.settings, pair.source, 40, partitions=4)
    gate = tmp_path / "gate"
    async with pair.other_process(gate, hold="commit", transaction_timeout_ms=2_000) as zombie:
        assert zombie.stdout is not None
        for _ in range(4):
            await zombie.stdout.readline()  # one open transaction a partition
        zombie.send_signal(signal.SIGSTOP)
        async with running(pair.loop(transaction_timeout_ms=2_000)):
            await until(lambda: pair.has(40), "all records out of the new owner")
            gate.touch()
            zombie.send_signal(signal.SIGCONT)
            sent += await produce(pair.settings, pair.source, 400, partitions=4)
            await until(lambda: pair.has(440), "all of both")
    assert await visible(pair.settings, pair.out) == once(sent)


async def test_a_fenced_loop_commits_nothing_says_so_and_ends_if_nothing_is_assigned_anew(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "FENCED_FOR_S", 0.5)
    await produce(pair.settings, pair.source, 10)
    began, go_on = threading.Event(), threading.Event()

    def hold(_: Sequence[Any]) -> None:
        began.set()
        go_on.wait(20)

    loop = pair.loop(hold)
    task = asyncio.create_task(loop.run())
    await asyncio.to_thread(began.wait, 20)
    assert loop.unready() == []
    await fence(pair.settings, pair.group, pair.source)
    go_on.set()
    await until(loop.unready, "a reason")
    assert "went to another owner" in loop.unready()[0]
    with pytest.raises(ProducerFenced):
        await asyncio.wait_for(task, 20)
    assert await visible(pair.settings, pair.out) == {}
    assert await committed(pair.settings, pair.group, pair.source) == {}


async def test_a_loop_without_partitions_stands_by_ready(pair: Pair) -> None:
    loops = [pair.loop() for _ in range(5)]
    async with running(loops[0]), running(loops[1]), running(loops[2]), running(loops[3]), running(loops[4]):
        await until(lambda: all(not loop.unready() for loop in loops), "all five joined")
        sent = await produce(pair.settings, pair.source, 40, partitions=4)
        await until(lambda: pair.has(40), "all records out")
    assert await visible(pair.settings, pair.out) == once(sent)


async def test_a_named_member_comes_back_to_its_partitions(pair: Pair) -> None:
    """It does not leave the group, and whoever comes under its name takes its place."""
    sent: list[str] = []
    for total in (40, 80):
        async with running(pair.loop(instance_id="replica-0")):
            sent += await produce(pair.settings, pair.source, 40, partitions=4)
            await until(partial(pair.has, total), "all records out")
    assert await visible(pair.settings, pair.out) == once(sent)


def test_the_helper_counts_twice_what_is_there_twice() -> None:
    """A test of exactly once is worth what its counting is."""
    assert pipes.Counter(["0:1", "0:1"]) != once(["0:1"])
