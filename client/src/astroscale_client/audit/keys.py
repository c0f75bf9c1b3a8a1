"""Keys of the rows of messages, read from whatever is there. The audit's adapter of pyarrow."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
from astroscale_shared.messaging import codec, headers, provenance, raw
from astroscale_shared.messaging.contracts import IDENTITY
from astroscale_shared.messaging.provenance import Provenance
from astroscale_shared.messaging.reasons import Reason
from astroscale_shared.runtime.errors import AstroScaleError
from numpy.typing import NDArray

_LINEAGE: Final = tuple(f for f in IDENTITY if f.name in ("raw_partition", "raw_offset", "raw_row", "replay_id"))


@dataclass(frozen=True, slots=True)
class Keys:
    """Raw partition int32 [N], raw offset and row int64 [N]; replays: object [N] of str or None, None where all are."""

    partitions: NDArray[np.int32]
    offsets: NDArray[np.int64]
    rows: NDArray[np.int64]
    replays: NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return len(self.offsets)

    def take(self, chosen: NDArray[np.bool_]) -> "Keys":
        """Those where bool [N] is true."""
        replays = None if self.replays is None else self.replays[chosen]
        return Keys(self.partitions[chosen], self.offsets[chosen], self.rows[chosen], replays)


@dataclass(frozen=True, slots=True)
class Letter:
    """What a dead letter speaks of. unparsed: nobody has looked into the message, which is one row."""

    partition: int
    offset: int
    rows: list[int]
    unparsed: bool

    def keys(self) -> Keys:
        """Of the rows of a raw message."""
        n = len(self.rows)
        return Keys(
            np.full(n, self.partition, dtype=np.int32),
            np.full(n, self.offset, dtype=np.int64),
            np.array(self.rows, dtype=np.int64),
        )


def provenance_of(record: Any) -> Provenance | None:
    """Where a message is from; None where its headers cannot be read: then it is one row, which is refused."""
    try:
        return provenance.read(headers.read(record.headers))
    except AstroScaleError:
        return None


def raw_rows(record: Any, of: Provenance) -> tuple[int, NDArray[np.int64] | None]:
    """Rows of a raw message, and the numbers of those that are meant (None for all), as the preprocessor takes it."""
    found = headers.read(record.headers)
    rows = raw.count_rows(record.value, found)
    if of.rows is None:
        return rows, None
    named = np.flatnonzero(of.named(rows))
    if rows == 1 and not len(named):
        try:
            raw.parse(record.value, found)
        except AstroScaleError:  # one row, whatever rows were meant
            return 1, None
    return rows, None if len(named) == rows else named


def of_batch(record: Any) -> Keys | None:
    """Keys of an encoded batch or of predictions; None where it is no batch of ours."""
    try:
        batch = codec.from_trusted(record.value or b"")
    except AstroScaleError:
        return None
    if any(batch.schema.get_field_index(f.name) < 0 or batch.schema.field(f.name).type != f.type for f in _LINEAGE):
        return None
    partition, offset, row, replay = (batch.column(f.name) for f in _LINEAGE)
    return Keys(
        partition.to_numpy(),
        offset.to_numpy(),
        row.to_numpy().astype(np.int64),
        None if replay.null_count == len(replay) else codec.strings(replay),
    )


def of_letter(record: Any, about: str) -> Letter | None:
    """A dead letter about a message of the topic `about`; None where it is about another's.

    Raises ValueError (KeyError, TypeError) where it is no letter of ours.
    """
    letter = orjson.loads(record.value or b"")
    if letter["topic"] != about:
        return None
    rejected = letter["rejected"]
    return Letter(
        int(letter["partition"]),
        int(letter["offset"]),
        [int(one["row"]) for one in rejected],
        unparsed=any(one["code"] == Reason.BAD_CODEC for one in rejected),
    )
