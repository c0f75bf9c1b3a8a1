"""Tallies -> verdict. numpy in, a report out; no Kafka here."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from astroscale_client.audit.books import Books, Keys, ledger_ends
from astroscale_client.audit.cut import Cut
from astroscale_client.audit.report import EXAMPLES, AuditReport, Finding, LedgerCheck, StageReport
from astroscale_client.audit.tally import Tally

Begins = dict[str, dict[int, int]]


def judge(books: Books, cut: Cut, begins: Begins) -> AuditReport:
    """Compare the stages row by row. begins: first offset that each topic and partition still holds."""
    report = AuditReport(
        StageReport("raw -> encoded + rejected"),
        StageReport("encoded -> predicted + refused"),
        expired={f"{t}-{p}": b for t, parts in begins.items() for p, b in sorted(parts.items()) if b > 0},
        replayed=books.replayed,
        unreadable_letters=books.unreadable_letters,
    )
    for partition, tally in sorted(books.tallies.items()):
        _judge_encode(report.encode, partition, tally, books, cut, begins)
        _judge_predict(report.predict, partition, tally, books, cut, begins)
    _unknown(report, books, cut, begins)
    report.ledger = _ledger(books, cut, begins)
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
    predicted, refused = tally.counts["predicted"], tally.counts["refused"]
    outcomes = predicted.astype(np.uint16) + refused
    there = tally.counts["encoded"] > 0
    missing = there & (outcomes == 0)
    settled = missing & ~tally.waiting
    expired = tally.below(_floor(books, begins, cut.chain.predict_out, partition))
    stage.rows += int(there.sum())
    stage.done += int((there & (predicted > 0)).sum())
    stage.refused += int((there & (refused > 0) & (predicted == 0)).sum())
    stage.in_flight += int((missing & tally.waiting).sum())
    stage.expired += int(settled[:expired].sum())
    _add(stage.lost, partition, tally, np.flatnonzero(settled[expired:]) + expired)
    _add(stage.twice, partition, tally, np.flatnonzero(outcomes > 1))
    # Below the first encoded row that is still held, an outcome without its encoded row is no surprise.
    held = tally.below(_floor(books, begins, (cut.chain.encoded,), partition))
    _add(stage.extra, partition, tally, np.flatnonzero(~there[held:] & (outcomes[held:] > 0)) + held)


def _add(finding: Finding, partition: int, tally: Tally, places: NDArray[np.int64]) -> None:
    finding.add(len(places), tally.keys(partition, places[:EXAMPLES]))


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


def _ledger(books: Books, cut: Cut, begins: Begins) -> list[LedgerCheck]:
    """The ledger's totals beside counts over the same offsets; none for what can no longer be counted."""

    def whole(*names: str) -> bool:
        return all(begin == 0 for name in names for begin in begins[name].values())

    checks: list[LedgerCheck] = []
    encoding = [t for t in cut.totals if t.service == "preprocessor" and t.topic == cut.chain.raw]
    if encoding and whole(cut.chain.raw, *cut.chain.encode_out):
        ends = ledger_ends(cut, "preprocessor", cut.chain.raw)
        parts = [(books.tallies[p], books.tallies[p].below(end)) for p, end in ends.items() if p in books.tallies]
        checks += [
            LedgerCheck("preprocessor", "rows_in", sum(t.rows_in for t in encoding), sum(end for _, end in parts)),
            LedgerCheck("preprocessor", "rows_out", sum(t.rows_out for t in encoding), _sum(parts, "encoded")),
            LedgerCheck(
                "preprocessor", "rows_rejected", sum(t.rows_rejected for t in encoding), _sum(parts, "rejected")
            ),
        ]
    scoring = [t for t in cut.totals if t.service == "inference" and t.topic == cut.chain.encoded]
    if scoring and whole(cut.chain.raw, cut.chain.encoded, *cut.chain.predict_out) and not books.replayed:
        predicted, refused = (
            sum(int(t.counts[name][t.booked].sum()) for t in books.tallies.values())
            for name in ("predicted", "refused")
        )
        checks += [
            LedgerCheck("inference", "rows_in", sum(t.rows_in for t in scoring), books.booked_rows),
            LedgerCheck("inference", "rows_out", sum(t.rows_out for t in scoring), predicted),
            LedgerCheck(
                "inference", "rows_rejected", sum(t.rows_rejected for t in scoring), refused + books.booked_unreadable
            ),
        ]
    return checks


def _sum(parts: list[tuple[Tally, int]], name: str) -> int:
    return sum(int(tally.counts[name][:end].sum()) for tally, end in parts)
