"""Rows of the raw topic that are copies of others: over a first copy and its re-drives, a row is encoded once.

(origin, row) is the key; a replay's copies are first copies of their own, by the replay's id.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
from astroscale_shared.messaging import headers, provenance
from numpy.typing import NDArray

from astroscale_client.audit.copies import Places
from astroscale_client.audit.tally import Tally

_Member = tuple[int, NDArray[np.int64], Places]
"""Raw partition, numbers of the rows int64 [M], their places."""


def encoded_again(tallies: Mapping[int, Tally], topic: str) -> Iterator[tuple[int, Tally, Places]]:
    """Partition, its tally and the places of rows that an earlier copy had brought to the encoded topic before."""
    groups: defaultdict[tuple[str, str | None], list[_Member]] = defaultdict(list)
    for partition, tally in sorted(tallies.items()):
        for of, numbers, places in tally.messages_of_copies():
            if of.origin is not None:
                groups[of.origin, of.replay_id].append((partition, *_encoded(tally, numbers, places)))
    for (origin, replay_id), members in groups.items():
        seen = _first_copy(tallies, topic, origin) if replay_id is None else np.empty(0, dtype=np.int64)
        for partition, numbers, places in members:
            again = np.isin(numbers, seen)
            if again.any():
                yield partition, tallies[partition], places[again]
            seen = np.concatenate([seen, numbers])


def _encoded(tally: Tally, numbers: NDArray[np.int64], places: Places) -> tuple[NDArray[np.int64], Places]:
    done = tally.counts["encoded"][places] > 0
    return numbers[done], places[done]


def _first_copy(tallies: Mapping[int, Tally], topic: str, origin: str) -> NDArray[np.int64]:
    """Numbers int64 [M] of the rows of a first copy that were encoded; none where it is no longer held."""
    for partition, tally in tallies.items():
        head = provenance.position(topic, partition, 0)[:-1]
        offset = headers.whole_number(origin[len(head) :], -1) if origin.startswith(head) else -1
        message = int(np.searchsorted(tally.offsets, offset))
        if offset >= 0 and message < len(tally.offsets) and tally.offsets[message] == offset:
            places = np.arange(tally.starts[message], tally.starts[message + 1])
            return np.flatnonzero(tally.counts["encoded"][places] > 0)
    return np.empty(0, dtype=np.int64)
