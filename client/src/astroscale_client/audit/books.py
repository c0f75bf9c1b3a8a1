"""What the topics hold, message by message, entered into the tallies. The audit's adapter of pyarrow."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
import pyarrow.compute as pc
from astroscale_shared.messaging import codec, headers, raw
from astroscale_shared.messaging.contracts import HEADER_ROWS, IDENTITY
from astroscale_shared.runtime.errors import AstroScaleError
from numpy.typing import NDArray

from astroscale_client.audit.cut import Cut
from astroscale_client.audit.tally import Tally


@dataclass(frozen=True, slots=True)
class Keys:
    """Raw partition int32 [N], raw offset and row int64 [N], and bool [N] whether it is a replay."""

    partitions: NDArray[np.int32]
    offsets: NDArray[np.int64]
    rows: NDArray[np.int64]
    replayed: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.offsets)

    def take(self, chosen: NDArray[np.bool_]) -> "Keys":
        """Those where bool [N] is true."""
        return Keys(self.partitions[chosen], self.offsets[chosen], self.rows[chosen], self.replayed[chosen])


_LINEAGE: Final = tuple(f for f in IDENTITY if f.name in ("raw_partition", "raw_offset", "raw_row", "replay_id"))
_BEYOND: Final = 1 << 62


class Books:
    """Tallies by raw partition, and what belongs to none.

    unknown: by stage (`encode`, `predict`), keys that no raw row has.
    lowest: by topic, (its partition, raw partition) -> lowest raw offset that it still speaks of.
    """

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._booked_to = ledger_ends(cut, "inference", cut.chain.encoded)
        self.tallies: defaultdict[int, Tally] = defaultdict(Tally)
        self.unknown: dict[str, list[Keys]] = {"encode": [], "predict": []}
        self.lowest: defaultdict[str, dict[tuple[int, int], int]] = defaultdict(dict)
        self.refusals: dict[tuple[int, int], list[int]] = {}
        self.booked_rows = 0
        self.booked_unreadable = 0
        self.unreadable_batches: list[tuple[str, int, int]] = []
        self.unreadable_letters = 0
        self.replayed = 0

    # --- one method for each topic ----------------------------------------------------------------------------------

    def raw(self, record: Any) -> None:
        """A message of the raw topic."""
        self.tallies[record.partition].add(record.offset, raw.count_rows(record.value, headers.read(record.headers)))

    def close_raw(self) -> None:
        """The raw topic is read."""
        for tally in self.tallies.values():
            tally.close()

    def rejected(self, record: Any) -> None:
        """A letter of the preprocessor: rows of a raw message."""
        letter = self._letter(record, self._cut.chain.raw)
        if letter is not None:
            partition, offset, rows = letter
            n = len(rows)
            keys = Keys(
                np.full(n, partition, dtype=np.int32),
                np.full(n, offset, dtype=np.int64),
                np.array(rows, dtype=np.int64),
                np.zeros(n, dtype=np.bool_),
            )
            self._enter(keys, "rejected", "encode", record)

    def refused(self, record: Any) -> None:
        """A letter of inference: rows of an encoded message, entered when that message is read."""
        letter = self._letter(record, self._cut.chain.encoded)
        if letter is not None:
            partition, offset, rows = letter
            self.refusals.setdefault((partition, offset), []).extend(rows)

    def encoded(self, record: Any) -> None:
        """A batch of the encoded topic."""
        keys = self._keys(record)
        booked = record.offset < self._booked_to.get(record.partition, 0)
        refused = self.refusals.pop((record.partition, record.offset), [])
        if keys is None:
            # Foreign bytes, which inference must refuse; without keys they are in no tally.
            if booked:
                said = headers.read(record.headers).get(HEADER_ROWS)
                self.booked_rows += max(1, headers.whole_number(said, 1))
                self.booked_unreadable += len(refused)
            if not refused:
                self.unreadable_batches.append((self._cut.chain.encoded, record.partition, record.offset))
            return
        if booked:
            self.booked_rows += len(keys)
        waiting = record.offset >= self._cut.scored_to.get(record.partition, 0)
        for tally, places in self._enter(keys, "encoded", "encode", record):
            tally.waiting[places] |= waiting
            tally.booked[places] |= booked
        if refused:
            chosen = np.zeros(len(keys), dtype=np.bool_)
            chosen[[row for row in refused if 0 <= row < len(keys)]] = True
            self._enter(keys.take(chosen), "refused", "predict", record)

    def predicted(self, record: Any) -> None:
        """A batch of predictions."""
        keys = self._keys(record)
        if keys is None:
            self.unreadable_batches.append((self._cut.chain.predictions, record.partition, record.offset))
        else:
            self._enter(keys, "predicted", "predict", record)

    # --- entering ---------------------------------------------------------------------------------------------------

    def _enter(self, keys: Keys, mark: str, stage: str, record: Any) -> list[tuple[Tally, NDArray[np.int64]]]:
        entered: list[tuple[Tally, NDArray[np.int64]]] = []
        if keys.replayed.any():
            self.replayed += int(keys.replayed.sum()) if mark == "encoded" else 0
            keys = keys.take(~keys.replayed)
        for partition in np.unique(keys.partitions).tolist():
            here = keys.take(keys.partitions == partition)
            lowest, place = self.lowest[record.topic], (record.partition, partition)
            lowest[place] = min(lowest.get(place, _BEYOND), int(here.offsets.min()))
            tally = self.tallies.get(partition)
            if tally is None:
                self.unknown[stage].append(here)
                continue
            places, there = tally.find(here.offsets, here.rows)
            if there.any():
                tally.mark(mark, places[there])
                entered.append((tally, places[there]))
            if not there.all():
                self.unknown[stage].append(here.take(~there))
        return entered

    def _keys(self, record: Any) -> Keys | None:
        """Keys of a batch; None where it is no batch of ours."""
        try:
            batch = codec.from_trusted(record.value or b"")
        except AstroScaleError:
            return None
        if any(batch.schema.get_field_index(f.name) < 0 or batch.schema.field(f.name).type != f.type for f in _LINEAGE):
            return None
        partition, offset, row, replay = (batch.column(f.name) for f in _LINEAGE)
        replayed = pc.call_function("is_valid", [replay]).to_numpy(zero_copy_only=False)
        return Keys(partition.to_numpy(), offset.to_numpy(), row.to_numpy().astype(np.int64), replayed)

    def _letter(self, record: Any, about: str) -> tuple[int, int, list[int]] | None:
        try:
            letter = orjson.loads(record.value or b"")
            if letter["topic"] != about:
                return None
            return int(letter["partition"]), int(letter["offset"]), [int(one["row"]) for one in letter["rejected"]]
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            self.unreadable_letters += 1
            return None


def ledger_ends(cut: Cut, service: str, topic: str) -> dict[int, int]:
    """By partition, up to where the service's totals count."""
    ends: dict[int, int] = {}
    for totals in cut.totals:
        if totals.service == service and totals.topic == topic:
            ends[totals.partition] = max(ends.get(totals.partition, 0), totals.next_offset)
    return ends
