"""Where a message comes from when it is not new: headers of a re-drive or a replay.

Whoever copies a message onto a topic writes them; who reads the topic counts its rows under the kind that they say, and
carries origin, hop and replay id on to what the rows become. They are read without trust: what is malformed is refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from astroscale_shared.messaging.headers import Headers
from astroscale_shared.messaging.reasons import Reason
from astroscale_shared.runtime.errors import AstroScaleError

Kind = Literal["first", "redrive", "replay"]
"""Why a row is read: for the first time, again after it was refused, or again by an operator's wish."""

KINDS: Final[tuple[Kind, ...]] = ("first", "redrive", "replay")

ORIGIN: Final = "astro-origin"
HOP: Final = "astro-hop"
ROWS: Final = "astro-rows"
REPLAY: Final = "astro-replay"

MOST_HOPS: Final = 100
_LONGEST_ORIGIN: Final = 300
_LONGEST_REPLAY: Final = 64


@dataclass(frozen=True, slots=True)
class Provenance:
    """origin: topic, partition and offset of the message's first copy, as `position` writes it; None for a first copy.

    hop: how many times it was re-driven. rows: which of its rows are meant, as `runs` writes them (the others are not read
    again), None for all: a header of few bytes may name a million. replay_id: of the replay that copied it.
    """

    origin: str | None = None
    hop: int = 0
    rows: tuple[range, ...] | None = None
    replay_id: str | None = None

    @property
    def kind(self) -> Kind:
        """The kind under which its rows are counted."""
        if self.replay_id is not None:
            return "replay"
        return "redrive" if self.hop else "first"

    def named(self, rows: int) -> NDArray[np.bool_]:
        """bool [rows]: which of a message's rows are meant; a number beyond its last row names nothing."""
        if self.rows is None:
            return np.ones(rows, dtype=np.bool_)
        named = np.zeros(rows, dtype=np.bool_)
        for run in self.rows:
            named[run.start : run.stop] = True
        return named


FIRST: Final = Provenance()


def runs(rows: Iterable[int]) -> tuple[range, ...]:
    """Ascending row numbers as stretches without a gap: of 0, 1, 2, 7, range(0, 3) and range(7, 8)."""
    found: list[range] = []
    for row in rows:
        if found and found[-1].stop == row:
            found[-1] = range(found[-1].start, row + 1)
        else:
            found.append(range(row, row + 1))
    return tuple(found)


def position(topic: str, partition: int, offset: int) -> str:
    """A message's place, as `Provenance.origin` says it."""
    return f"{topic}-{partition}-{offset}"


def write(of: Provenance) -> Headers:
    """Headers for the producer; none for a first copy."""
    said = {ORIGIN: of.origin, HOP: of.hop or None, REPLAY: of.replay_id}
    if of.rows is not None:
        said[ROWS] = ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in of.rows)
    return [(name, str(value).encode()) for name, value in said.items() if value is not None]


def read(headers: dict[str, str]) -> Provenance:
    """Of a message's headers by lower-case name. AstroScaleError `bad_provenance` where they cannot be read."""
    if not {ORIGIN, HOP, ROWS, REPLAY} & headers.keys():
        return FIRST
    origin, replay_id = headers.get(ORIGIN), headers.get(REPLAY)
    if origin is not None and not 0 < len(origin) <= _LONGEST_ORIGIN:
        raise _bad(ORIGIN, origin, f"allowed are 1 to {_LONGEST_ORIGIN} characters")
    if replay_id is not None and not 0 < len(replay_id) <= _LONGEST_REPLAY:
        raise _bad(REPLAY, replay_id, f"allowed are 1 to {_LONGEST_REPLAY} characters")
    hop = _whole(headers.get(HOP, "0"))
    if hop is None or hop > MOST_HOPS:
        raise _bad(HOP, headers[HOP], f"allowed is a whole number up to {MOST_HOPS}")
    if hop and origin is None:
        raise _bad(HOP, headers[HOP], f"allowed is 0 without {ORIGIN}")
    rows = _rows(headers[ROWS]) if ROWS in headers else None
    return Provenance(origin, hop, rows, replay_id)


def _rows(text: str) -> tuple[range, ...]:
    """Of "0-2,7": (range(0, 3), range(7, 8))."""
    found: list[range] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        low, high = _whole(first), _whole(last if dash else first)
        if low is None or high is None or low > high or high >= 1_000_000 or (found and low < found[-1].stop):
            raise _bad(ROWS, text, "allowed are ascending row numbers and ranges, as 0-2,7")
        found.append(range(low, high + 1))
    return tuple(found)


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


def _bad(name: str, value: str, allowed: str) -> AstroScaleError:
    return AstroScaleError(Reason.BAD_PROVENANCE, f"header {name} is {value[:60]!r}; {allowed}")
