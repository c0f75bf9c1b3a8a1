"""Tallies -> verdict. numpy in, a report out; no Kafka here."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroscale_client.audit import lineage, totals
from astroscale_client.audit.books import Books
from astroscale_client.audit.copies import Copies, times
from astroscale_client.audit.cut import Cut
from astroscale_client.audit.keys import Keys
from astroscale_client.audit.report import EXAMPLES, AuditReport, Finding, StageReport
from astroscale_client.audit.tally import Tally

Begins = dict[str, dict[int, int]]


def judge(books: Books, cut: Cut, begins: Begins) -> AuditReport:
    """Compare the stages row by row. begins: first offset that each topic and partition still holds."""
    report = AuditReport(
        StageReport("raw -> encoded + rejected"),
        StageReport("encoded -> predicted + refused"),
        expired={f"{t}-{p}": b for t, parts in begins.items() for p, b in sorted(parts.items()) if b > 0},
        unread=totals.unread(cut),
        unreadable_letters=books.unreadable_letters,
    )
    for partition, tally in sorted(books.tallies.items()):
        _judge_encode(report.encode, partition, tally, books, cut, begins)
        _judge_predict(report.predict, partition, tally, books, cut, begins)
        for replay_id in sorted(tally.copies.keys() - {None}, key=str):
            _judge_replay(report.predict, partition, tally, tally.copies[replay_id], cut, begins)
        _count_copies(report, tally)
    for partition, tally, places in lineage.encoded_again(books.tallies, cut.chain.raw):
        _add(report.encode.twice, partition, tally, places)
    _unknown(report, books, cut, begins)
    report.ledger = totals.checks(books, cut, begins)
    return report


def _judge_encode(stage: StageReport, partition: int, tally: Tally, books: Books, cut: Cut, begins: Begins) -> None:
    encoded, rejected = tally.counts["encoded"], tally.counts["rejected"]
    outcomes = encoded.astype(np.uint16) + rejected
    missing = outcomes == 0
    committed = tally.below(cut.encoded_to.get(partition, 0))
    expired = min(committed, tally.below(_floor(books, begins, cut.chain.encode_out, partition)))
    stage.rows += tally.rows
    stage.done += int((encoded > 0).sum())
    stage.refused += int(((rejected > 0) & (encoded == 0)).sum())
    stage.in_flight += int(missing[committed:].sum())
    stage.expired += int(missing[:expired].sum())
    _add(stage.lost, partition, tally, np.flatnonzero(missing[expired:committed]) + expired)
    _add(stage.twice, partition, tally, np.flatnonzero(outcomes > 1))


def _judge_predict(stage: StageReport, partition: int, tally: Tally, books: Books, cut: Cut, begins: Begins) -> None:
    """A row is due once for the batch that it is in, and once for each re-drive of it."""
    again = tally.copies.get(None, Copies())
    due = (tally.counts["encoded"] > 0) + times(again.meant, tally.rows)
    refused = tally.counts["refused"] + times(again.refused, tally.rows)
    waiting = tally.waiting | (times(again.waiting, tally.rows) > 0)
    gone = np.zeros(tally.rows, dtype=np.bool_)
    gone[: tally.below(_floor(books, begins, cut.chain.predict_out, partition))] = True
    if _has_expired(begins, cut.chain.predict_out):
        gone |= times(again.meant, tally.rows) > 0  # copies come in no order of the raw topic
    # Below the first encoded row that is still held, an outcome without its encoded row is no surprise.
    held = np.ones(tally.rows, dtype=np.bool_)
    held[: tally.below(_floor(books, begins, (cut.chain.encoded,), partition))] = False
    _settle(stage, partition, tally, due, tally.counts["predicted"], refused, waiting=waiting, gone=gone, held=held)


def _judge_replay(stage: StageReport, partition: int, tally: Tally, copies: Copies, cut: Cut, begins: Begins) -> None:
    n = tally.rows
    _settle(
        stage,
        partition,
        tally,
        times(copies.meant, n),
        times(copies.predicted, n),
        times(copies.refused, n),
        waiting=times(copies.waiting, n) > 0,
        gone=np.full(n, _has_expired(begins, cut.chain.predict_out)),
        held=np.full(n, not _has_expired(begins, (cut.chain.encoded,))),
    )


def _settle(
    stage: StageReport,
    partition: int,
    tally: Tally,
    due: NDArray[np.uint16],
    predicted: NDArray[Any],
    refused: NDArray[Any],
    *,
    waiting: NDArray[np.bool_],
    gone: NDArray[np.bool_],
    held: NDArray[np.bool_],
) -> None:
    """Enter rows by what was due and what became of it. gone: what is missing may have expired; held: what has an
    outcome must be there."""
    outcomes = predicted.astype(np.uint16) + refused
    missing = due - np.minimum(due, outcomes)
    stage.rows += int(due.sum())
    done = np.minimum(predicted > 0, due)
    stage.done += int(done.sum())
    stage.refused += int((due - missing - done).sum())
    stage.in_flight += int(missing[waiting].sum())
    stage.expired += int(missing[~waiting & gone].sum())
    _add(stage.lost, partition, tally, np.flatnonzero((missing > 0) & ~waiting & ~gone))
    _add(stage.twice, partition, tally, np.flatnonzero((predicted > 1) | (outcomes > np.maximum(due, 1))))
    _add(stage.extra, partition, tally, np.flatnonzero((due == 0) & held & (outcomes > 0)))


def _count_copies(report: AuditReport, tally: Tally) -> None:
    kinds = tally.by_kind(None, tally.rows)
    report.redriven += kinds["redrive"] + sum(map(len, tally.copies.get(None, Copies()).meant))
    report.replayed += kinds["replay"]
    report.replayed += sum(len(part) for of, copies in tally.copies.items() if of is not None for part in copies.meant)


def _add(finding: Finding, partition: int, tally: Tally, places: NDArray[np.int64]) -> None:
    finding.add(len(places), tally.keys(partition, places[:EXAMPLES]))


def _has_expired(begins: Begins, names: Sequence[str]) -> bool:
    return any(begin > 0 for topic in names for begin in begins[topic].values())


def _floor(books: Books, begins: Begins, names: Sequence[str], raw_partition: int) -> int:
    """The raw offset below which an outcome may have been in a message that expired; 0 where none has."""
    floor = 0
    for topic in names:
        gone = {p for p, begin in begins[topic].items() if begin > 0}
        if not gone:
            continue
        seen = {p: low for (p, of), low in books.lowest[topic].items() if of == raw_partition}
        lows = [low for p, low in seen.items() if p in gone]
        if not seen:  # nothing is left that speaks of this partition: all may have expired
            lows = [np.iinfo(np.int64).max]
        floor = max([floor, *lows])
    return floor


def _unknown(report: AuditReport, books: Books, cut: Cut, begins: Begins) -> None:
    """Keys that no raw row has; older than the raw topic's first message, they are what outlived it."""
    raw_begins = begins[cut.chain.raw]
    encoded = _without_expired(books.unknown["encode"], raw_begins)
    predicted = _without_expired(books.unknown["predict"], raw_begins)
    report.encode.extra.add(len(encoded), encoded[:EXAMPLES])
    # What follows from a stray encoded row is that row's fault, and said there.
    strays = set(encoded)
    beyond = [key for key in predicted if key not in strays]
    report.predict.extra.add(len(beyond), beyond[:EXAMPLES])
    for topic, partition, offset in books.unreadable_batches:
        stage = report.encode if topic == cut.chain.encoded else report.predict
        stage.extra.add(1, [(partition, offset, 0)])


def _without_expired(found: list[Keys], begins: dict[int, int]) -> list[tuple[int, int, int]]:
    return [
        (int(partition), int(offset), int(row))
        for keys in found
        for partition, offset, row in zip(keys.partitions, keys.offsets, keys.rows, strict=True)
        if offset >= begins.get(int(partition), 0)
    ]
