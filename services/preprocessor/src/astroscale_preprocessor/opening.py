"""Raw messages of one partition, read and judged: what passes, what is refused, and how both are counted."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from astroscale_shared.messaging import damaged, headers, provenance, raw
from astroscale_shared.messaging.contracts import HEADER_RUN, RejectedRow
from astroscale_shared.messaging.damaged import Unreadable
from astroscale_shared.messaging.ledger import Counts
from astroscale_shared.messaging.provenance import FIRST, Kind, Provenance
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.observations import Rejection

from astroscale_preprocessor.domain.encoding import Accepted, Source, judge

SINGLE_BYTES: Final = 1_024
"""Messages up to here are read together with their neighbours. What JSON unfolds to may be twenty times as large: of
larger messages only one at a time is in memory."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message's headers. of: where it comes from; an error where that cannot be read. run_id: of who produced it."""

    headers: dict[str, str]
    of: Provenance | AstroScaleError
    run_id: str | None

    def source(self, offset: int) -> Source:
        """Of a message at `offset` with these headers."""
        of = FIRST if isinstance(self.of, AstroScaleError) else self.of
        return Source(offset, self.run_id, of.origin, of.hop, of.replay_id)


@dataclass(frozen=True, slots=True)
class Refused:
    """One message of which at least one row was refused. rows_total: all that it has."""

    record: Any
    headers: dict[str, str]
    rows: list[RejectedRow]
    rows_total: int = 1


@dataclass(slots=True)
class Opened:
    """What the messages of a batch hold."""

    accepted: list[Accepted] = field(default_factory=list[Accepted])
    refused: list[Refused] = field(default_factory=list[Refused])
    counts: defaultdict[Kind, Counts] = field(default_factory=lambda: defaultdict[Kind, Counts](Counts))
    unknown_fields: int = 0

    def refuse(self, kind: Kind, refused: Refused) -> None:
        """Keep and count what was refused, if anything was."""
        if refused.rows:
            self.refused.append(refused)
            self.counts[kind].rejected.update(row.code for row in refused.rows)


def open_all(records: Sequence[Any]) -> Opened:
    """Read all messages: those of a single star in one go, the others one by one. An unreadable message is one row."""
    opened = Opened()
    said = list(_said(records))
    singles = [i for i, record in enumerate(records) if _may_be_single(record, said[i])]
    done: set[int] = set()
    if len(singles) > 1:
        found, taken = raw.singles([records[i].value for i in singles])
        done = {singles[i] for i in taken}
        places = [singles[i] for i in taken]
        _singles(opened, found, [records[i] for i in places], [said[i] for i in places])
    for i, record in enumerate(records):
        if i not in done:
            _message(opened, record, said[i])
    opened.refused.sort(key=lambda refused: refused.record.offset)
    return opened


def _said(records: Sequence[Any]) -> Iterator[Said]:
    """Of each record. Headers equal to those of the message before, as most are, are not read again."""
    last: Any = None
    said: Said | None = None
    for record in records:
        if said is None or record.headers != last:
            last, found = record.headers, headers.read(record.headers)
            try:
                of: Provenance | AstroScaleError = provenance.read(found)
            except AstroScaleError as error:
                of = error
            run_id = found.get(HEADER_RUN)
            # It is repeated in each row: a header is no place to unfold a message from.
            said = Said(found, of, None if run_id is None else run_id[: raw.MAX_TEXT])
        yield said


def _may_be_single(record: Any, said: Said) -> bool:
    value: bytes | None = None if isinstance(record, Unreadable) else record.value
    return value is not None and len(value) <= SINGLE_BYTES and said.of == FIRST and raw.may_be_single(said.headers)


def _singles(opened: Opened, found: raw.RawRows, records: Sequence[Any], said: Sequence[Said]) -> None:
    """Messages that are one star each, and its first copy."""
    good, rejections = judge(found.stars, [row.row for row in found.refused])
    for row in [*found.refused, *map(_row, rejections)]:
        refused = [row.model_copy(update={"row": 0})]
        opened.refuse(FIRST.kind, Refused(records[row.row], said[row.row].headers, refused))
    places = np.flatnonzero(good)
    opened.unknown_fields += found.unknown_fields
    counts = opened.counts[FIRST.kind]
    counts.messages += len(records)
    counts.rows_in += len(records)
    counts.rows_out += len(places)
    if len(places):
        sources = [said[i].source(records[i].offset) for i in places.tolist()]
        each = np.arange(len(places), dtype=np.int32)
        opened.accepted.append(Accepted(sources, each, np.zeros(len(places), dtype=np.int32), found.stars.take(places)))


def _message(opened: Opened, record: Any, said: Said) -> None:
    of = said.of
    kind = FIRST.kind if isinstance(of, AstroScaleError) else of.kind
    counts = opened.counts[kind]
    counts.messages += 1
    try:
        damaged.check(record)
        if isinstance(of, AstroScaleError):
            raise of
        found = raw.parse(record.value, said.headers)
    except AstroScaleError as error:
        counts.rows_in += 1
        refused = [RejectedRow(row=0, code=error.code, detail=error.message)]
        opened.refuse(kind, Refused(record, said.headers, refused))
        return
    total = len(found.stars)
    named = None if of.rows is None else of.named(total)
    good, rejections = judge(found.stars, [row.row for row in found.refused], named=named)
    rows = np.flatnonzero(good)
    meant = total if named is None else int(named.sum())
    counts.rows_in += meant
    counts.rows_out += len(rows)
    counts.empty += meant == 0
    opened.unknown_fields += found.unknown_fields
    refused = [row for row in found.refused if named is None or named[row.row]] + [_row(r) for r in rejections]
    opened.refuse(kind, Refused(record, said.headers, sorted(refused, key=lambda row: row.row), total))
    if len(rows):
        stars = found.stars if len(rows) == total else found.stars.take(rows)
        source = np.zeros(len(rows), dtype=np.int32)
        opened.accepted.append(Accepted([said.source(record.offset)], source, rows.astype(np.int32), stars))


def _row(of: Rejection) -> RejectedRow:
    return RejectedRow(row=of.row, code=of.code, field=of.field, value=of.value, detail=of.detail)
