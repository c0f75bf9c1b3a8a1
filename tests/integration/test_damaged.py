"""A batch that is damaged where the broker keeps it becomes a dead letter; its neighbours and partition go on."""

import asyncio
import base64
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog
from astroscale_inference.handlers import _score  # pyright: ignore[reportPrivateUsage]
from astroscale_preprocessor.handlers import Encode
from astroscale_preprocessor.metrics import PreprocessorMetrics
from astroscale_shared.messaging import damaged, topics
from astroscale_shared.messaging.damaged import Unreadable
from astroscale_shared.messaging.transactions import Outcome, TransactionsLoop
from astroscale_shared.runtime.errors import AstroScaleError

from tests.support.pair import Pair, once
from tests.support.pipes import committed, echo, produce, running, until, visible
from tests.support.servers import RunningKafka

Damage = Callable[[bytes, int], bytes]


def a_byte(batch: bytes, _: int) -> bytes:
    """The last byte of its records, so that the checksum is wrong."""
    return batch[:-1] + bytes([batch[-1] ^ 0xFF])


def damage(kafka: RunningKafka, topic: str, offset: int, how: Damage) -> bytes:
    """Changes the batch that holds an offset of partition 0, in the broker's own file; returns it as it is then."""
    path = Path(kafka.process.log).parent / "kafka" / "data" / f"{topic}-0" / f"{0:020}.log"
    data = bytearray(path.read_bytes())
    at = 0
    while at < len(data):
        base, length = struct.unpack_from(">qi", data, at)
        (delta,) = struct.unpack_from(">i", data, at + 23)
        end = at + 12 + length
        if base <= offset <= base + delta:
            data[at:end] = how(bytes(data[at:end]), offset)
            with path.open("r+b") as file:
                file.seek(at)
                file.write(data[at:end])
            return bytes(data[at:end])
        at = end
    raise AssertionError(f"no batch holds offset {offset}")


@pytest.mark.parametrize("max_records", [3, 2_000])
async def test_neighbours_of_a_damaged_batch_go_through_and_its_bytes_are_kept(
    kafka: RunningKafka, pair: Pair, max_records: int
) -> None:
    sent = [*await produce(pair.settings, pair.source, 20)]
    bad = await produce(pair.settings, pair.source, 5)
    sent += await produce(pair.settings, pair.source, 20)
    # What is sent at once need not be one batch: those that the damage leaves are good.
    kept = damage(kafka, pair.source, 22, a_byte)
    lost = range(
        struct.unpack_from(">q", kept)[0], struct.unpack_from(">q", kept)[0] + struct.unpack_from(">i", kept, 23)[0] + 1
    )
    sent += [one for one in bad if int(one.split(":")[1]) not in lost]
    unreadable: list[Unreadable] = []

    def process(records: Sequence[Any], state: str, expired: int = 0) -> Outcome:
        unreadable.extend(record for record in records if isinstance(record, Unreadable))
        return echo(pair.out)([r for r in records if not isinstance(r, Unreadable)], state, expired)

    loop = TransactionsLoop(
        pair.settings, topic=pair.source, group=pair.group, process=process, max_records=max_records
    )
    with structlog.testing.capture_logs() as logs:
        async with running(loop):
            await until(lambda: pair.has(len(sent)), "all that is readable")
    assert await visible(pair.settings, pair.out) == once(sent)
    assert (await committed(pair.settings, pair.group, pair.source))[0][0] == 45
    (found,) = unreadable
    assert (found.first, found.offset, found.value) == (lost[0], lost[-1], kept)
    (said,) = [log for log in logs if log["event"] == "unreadable_batch"]
    assert f"{pair.source} partition 0, offsets {lost[0]} to {lost[-1]}" in said["reason"]


async def test_damage_at_the_end_of_a_log(kafka: RunningKafka, pair: Pair) -> None:
    sent = await produce(pair.settings, pair.source, 3)
    await produce(pair.settings, pair.source, 1)
    damage(kafka, pair.source, 3, a_byte)
    loop = pair.loop(lambda records: damaged.check(records[-1]))
    with pytest.raises(AstroScaleError, match="offsets 3 to 3"):
        await asyncio.wait_for(loop.run(), 20)
    assert "offsets 3 to 3" in loop.unready()[0]
    assert set(await visible(pair.settings, pair.out)) <= set(sent)


async def test_a_codec_that_this_installation_lacks_is_an_error_with_its_place(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    await produce(pair.settings, pair.source, 3)
    monkeypatch.setattr("aiokafka.codec.has_zstd", lambda: False)
    loop = pair.loop()
    with pytest.raises(AstroScaleError, match=f"{pair.source} partition 0, offset 0: .*zstd"):
        await asyncio.wait_for(loop.run(), 20)
    assert "partition 0, offset 0" in loop.unready()[0]


def test_both_steps_write_a_letter_with_the_batchs_bytes() -> None:
    batch = Unreadable(topics.RAW, 2, 7, 11, 1_700_000_000_000, b"\x00\x01damaged", "offsets 7 to 11: no frame")
    outcome = Encode(PreprocessorMetrics(), batch_size=10)([batch], "")
    (letter,) = [orjson.loads(out.value) for out in outcome.outgoing if out.topic == topics.RAW_DLQ]
    assert (letter["partition"], letter["offset"], base64.b64decode(letter["value_base64"])) == (2, 11, batch.value)
    assert letter["rejected"] == [
        {"row": 0, "code": "bad_codec", "field": None, "value": None, "detail": "offsets 7 to 11: no frame"}
    ]
    (totals,) = [orjson.loads(out.value) for out in outcome.outgoing if out.topic == topics.LEDGER]
    assert (totals["rows_in"], totals["rows_rejected"], totals["next_offset"]) == (1, 1, 12)

    made = _score(batch, {}, None)  # pyright: ignore[reportArgumentType] - it is not asked for
    assert [row.code for row in made.rejected] == ["bad_codec"]
