"""What the topics hold, message by message, entered into the tallies."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from astroscale_shared.messaging import headers
from astroscale_shared.messaging.contracts import HEADER_ROWS
from astroscale_shared.messaging.provenance import FIRST, Kind, Provenance

from astroscale_client.audit import keys as reading
from astroscale_client.audit.copies import Places
from astroscale_client.audit.cut import Cut
from astroscale_client.audit.keys import Keys, Letter
from astroscale_client.audit.tally import Tally

_BEYOND: Final = 1 << 62


class Books:
    """Tallies by raw partition, and what belongs to none.

    unknown: by stage (`encode`, `predict`), keys that no raw row has.
    lowest: by topic, (its partition, raw partition) -> lowest raw offset that it still speaks of, copies aside.
    booked: rows in messages of the encoded topic that inference's ledger counts, by kind; unreadable: those of them
    that were in messages without keys, and refused.
    """

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._booked_to = ledger_ends(cut, "inference", cut.chain.encoded)
        self._letters: list[Letter] = []
        self._unparsed = set[tuple[int, int]]()
        self._refusals: dict[tuple[int, int], list[int]] = {}
        self.tallies: defaultdict[int, Tally] = defaultdict(Tally)
        self.unknown: dict[str, list[Keys]] = {"encode": [], "predict": []}
        self.lowest: defaultdict[str, dict[tuple[int, int], int]] = defaultdict(dict)
        self.booked: Counter[Kind] = Counter()
        self.unreadable: Counter[Kind] = Counter()
        self.unreadable_batches: list[tuple[str, int, int]] = []
        self.unreadable_letters = 0

    # --- one method for each topic ----------------------------------------------------------------------------------

    def rejected(self, record: Any) -> None:
        """A letter of the preprocessor: rows of a raw message, entered when the raw topic is read."""
        letter = self._letter(record, self._cut.chain.raw)
        if letter is not None:
            self._letters.append(letter)
            if letter.unparsed:
                self._unparsed.add((letter.partition, letter.offset))
            if letter.rows:
                self._speaks_of(record, letter.keys())

    def raw(self, record: Any) -> None:
        """A message of the raw topic; letters are read before, since one that nobody could parse is left alone here."""
        of = reading.provenance_of(record)
        rows, named = 1, None
        if of is not None and (record.partition, record.offset) not in self._unparsed:
            rows, named = reading.raw_rows(record, of)
        self.tallies[record.partition].add(record.offset, rows, of or FIRST, named)

    def close_raw(self) -> None:
        """The raw topic is read."""
        for tally in self.tallies.values():
            tally.close()
        for letter in self._letters:
            for tally, _, places in self._find(letter.keys(), "encode"):
                tally.mark("rejected", places)
        self._letters = []

    def refused(self, record: Any) -> None:
        """A letter of inference: rows of an encoded message, entered when that message is read."""
        letter = self._letter(record, self._cut.chain.encoded)
        if letter is not None:
            self._refusals.setdefault((letter.partition, letter.offset), []).extend(letter.rows)

    def encoded(self, record: Any) -> None:
        """A batch of the encoded topic: the preprocessor's, or a copy of one that was made to be scored again."""
        of = reading.provenance_of(record)
        keys = None if of is None else reading.of_batch(record)
        booked = record.offset < self._booked_to.get(record.partition, 0)
        refused = self._refusals.pop((record.partition, record.offset), [])
        if keys is None or of is None:
            self._unreadable(record, of, refused, booked=booked)
            return
        waiting = record.offset >= self._cut.scored_to.get(record.partition, 0)
        meant, out = of.named(len(keys)), np.zeros(len(keys), dtype=np.bool_)
        out[[row for row in refused if 0 <= row < len(keys)]] = True
        self.booked[of.kind] += int(meant.sum()) if booked else 0
        if of.kind != "first":
            self._copied(keys, meant, out, of, waiting=waiting, booked=booked)
            return
        for tally, found, places in self._find(keys.take(meant), "encode", record):
            self._speaks_of(record, found)
            tally.mark("encoded", places)
            tally.waiting[places] |= waiting
            tally.booked[places] |= booked
        for tally, _, places in self._find(keys.take(out), "predict"):
            tally.mark("refused", places)

    def predicted(self, record: Any) -> None:
        """A batch of predictions."""
        keys = reading.of_batch(record)
        if keys is None:
            self.unreadable_batches.append((self._cut.chain.predictions, record.partition, record.offset))
            return
        for tally, found, places in self._find(keys, "predict", record):
            own = np.ones(len(places), dtype=np.bool_)
            for replay_id in set() if found.replays is None else set(found.replays.tolist()) - {None}:
                own &= ~self._of_replay(tally, found, places, str(replay_id))
            tally.mark("predicted", places[own])
            if None in tally.copies:
                own &= ~tally.copies[None].holds(places)
            if own.any():
                self._speaks_of(record, found.take(own))

    # --- entering ---------------------------------------------------------------------------------------------------

    def _find(self, keys: Keys, stage: str, record: Any = None) -> Iterator[tuple[Tally, Keys, Places]]:
        """The tallies that keys are in, with their keys and places there; others are noted as unknown, and that the
        record's topic still speaks of them."""
        for partition in np.unique(keys.partitions).tolist():
            here = keys.take(keys.partitions == partition)
            tally = self.tallies.get(partition)
            if tally is None:
                places, there = np.empty(0, dtype=np.int64), np.zeros(len(here), dtype=np.bool_)
            else:
                places, there = tally.find(here.offsets, here.rows)
            if tally is not None and there.any():
                yield tally, here.take(there), places[there]
            if not there.all():
                strange = here.take(~there)
                self.unknown[stage].append(strange)
                if record is not None and strange.replays is None:
                    self._speaks_of(record, strange)

    def _speaks_of(self, record: Any, keys: Keys) -> None:
        lowest, place = self.lowest[record.topic], (record.partition, int(keys.partitions[0]))
        lowest[place] = min(lowest.get(place, _BEYOND), int(keys.offsets.min()))

    def _copied(self, keys: Keys, meant: Any, refused: Any, of: Provenance, *, waiting: bool, booked: bool) -> None:
        for tally, _, places in self._find(keys.take(meant), "encode"):
            copies = tally.copies[of.replay_id]
            copies.meant.append(places)
            if waiting:
                copies.waiting.append(places)
            if booked:
                copies.booked.append(places)
        for tally, _, places in self._find(keys.take(refused), "predict"):
            tally.copies[of.replay_id].refused.append(places)

    def _of_replay(self, tally: Tally, keys: Keys, places: Places, replay_id: str) -> Any:
        """bool [N]: predictions of a replay of encoded rows; those of a raw replay are of raw messages of their own."""
        said = keys.replays == replay_id
        own = [o for o in np.unique(keys.offsets[said]).tolist() if tally.replayed_as(o) == replay_id]
        again = said & ~np.isin(keys.offsets, own)
        if again.any():
            tally.copies[replay_id].predicted.append(places[again])
        return again

    def _unreadable(self, record: Any, of: Provenance | None, refused: list[int], *, booked: bool) -> None:
        # Foreign bytes, which inference must refuse; without keys they are in no tally.
        said = max(1, headers.whole_number(headers.read(record.headers).get(HEADER_ROWS), 1))
        if booked:
            kind = "first" if of is None else of.kind
            self.booked[kind] += 1 if of is None else int(of.named(said).sum())
            self.unreadable[kind] += len(refused)
        if not refused:
            self.unreadable_batches.append((self._cut.chain.encoded, record.partition, record.offset))

    def _letter(self, record: Any, about: str) -> Letter | None:
        try:
            return reading.of_letter(record, about)
        except (KeyError, TypeError, ValueError):
            self.unreadable_letters += 1
            return None


def ledger_ends(cut: Cut, service: str, topic: str) -> dict[int, int]:
    """By partition, up to where the service's totals count."""
    ends: dict[int, int] = {}
    for totals in cut.totals:
        if totals.service == service and totals.topic == topic:
            ends[totals.partition] = max(ends.get(totals.partition, 0), totals.next_offset)
    return ends
