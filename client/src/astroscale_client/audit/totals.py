"""The ledger's totals beside counts over the same offsets, by kind."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import numpy as np
from astroscale_shared.messaging.contracts import LedgerTotals
from astroscale_shared.messaging.provenance import KINDS, Kind

from astroscale_client.audit.books import Books, ledger_ends
from astroscale_client.audit.copies import Copies, times
from astroscale_client.audit.cut import Cut
from astroscale_client.audit.report import LedgerCheck
from astroscale_client.audit.tally import Tally

_QUANTITIES: Final = ("rows_in", "rows_out", "rows_rejected")
_Counted = dict[str, Mapping[Kind, int]]


def unread(cut: Cut) -> dict[str, int]:
    """By service, offsets that retention took before it read them, as its totals say."""
    gone: Counter[str] = Counter()
    for service, topic in (("preprocessor", cut.chain.raw), ("inference", cut.chain.encoded)):
        gone[service] += sum(entry.offsets_expired for entry in _of(cut, service, topic))
    return {service: offsets for service, offsets in gone.items() if offsets}


def checks(books: Books, cut: Cut, begins: dict[str, dict[int, int]]) -> list[LedgerCheck]:
    """None for what can no longer be counted."""

    def whole(*names: str) -> bool:
        return all(begin == 0 for name in names for begin in begins[name].values())

    found: list[LedgerCheck] = []
    encoding = _of(cut, "preprocessor", cut.chain.raw)
    if encoding and whole(cut.chain.raw, *cut.chain.encode_out):
        found += _checks("preprocessor", encoding, _encoded(books, ledger_ends(cut, "preprocessor", cut.chain.raw)))
    scoring = _of(cut, "inference", cut.chain.encoded)
    if scoring and whole(cut.chain.raw, cut.chain.encoded, *cut.chain.predict_out):
        found += _checks("inference", scoring, _scored(books))
    return found


def _of(cut: Cut, service: str, topic: str) -> list[LedgerTotals]:
    return [entry for entry in cut.totals if entry.service == service and entry.topic == topic]


def _checks(service: str, entries: list[LedgerTotals], counted: _Counted) -> list[LedgerCheck]:
    found: list[LedgerCheck] = []
    for kind in KINDS:
        said = {name: sum(getattr(entry, name) for entry in entries if entry.kind == kind) for name in _QUANTITIES}
        if kind == "first" or any(said[name] or counted[name].get(kind) for name in _QUANTITIES):
            found += [LedgerCheck(service, name, said[name], counted[name].get(kind, 0), kind) for name in _QUANTITIES]
    return found


def _encoded(books: Books, ends: dict[int, int]) -> _Counted:
    sums: dict[str, Counter[Kind]] = {name: Counter() for name in _QUANTITIES}
    for partition, end in ends.items():
        if partition in books.tallies:
            tally = books.tallies[partition]
            for name, mark in zip(_QUANTITIES, (None, "encoded", "rejected"), strict=True):
                sums[name].update(tally.by_kind(mark, tally.below(end)))
    return {**sums}


def _scored(books: Books) -> _Counted:
    out, rejected = Counter[Kind](), Counter(books.unreadable)
    for tally in books.tallies.values():
        again = tally.copies.get(None, Copies())
        first, redriven = _predicted(tally, again)
        booked = times(again.booked, tally.rows) > 0
        out["first"] += int(first[tally.booked].sum())
        out["redrive"] += int(redriven[booked].sum())
        rejected["first"] += int(tally.counts["refused"][tally.booked].sum())
        rejected["redrive"] += int(times(again.refused, tally.rows)[booked].sum())
        for replay_id, copies in tally.copies.items():
            if replay_id is not None:
                counts = times(copies.booked, tally.rows) > 0
                out["replay"] += int(times(copies.predicted, tally.rows)[counts].sum())
                rejected["replay"] += int(times(copies.refused, tally.rows)[counts].sum())
    return {"rows_in": books.booked, "rows_out": out, "rows_rejected": rejected}


def _predicted(tally: Tally, again: Copies) -> "tuple[np.ndarray, np.ndarray]":
    """Predictions by the kind of the message that they were made of: of a row that was refused and re-driven, the
    re-drive's."""
    predicted = tally.counts["predicted"]
    open_at_first = np.maximum((tally.counts["encoded"] > 0).astype(np.int16) - tally.counts["refused"], 0)
    first = np.where(times(again.meant, tally.rows) > 0, np.minimum(predicted, open_at_first), predicted)
    return first, predicted - first
