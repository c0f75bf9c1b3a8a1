"""What becomes of the rows of raw messages: accepted and encoded, or refused with a reason. numpy in, numpy out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astroscale_shared.stars.encoding import Encoded, encode
from astroscale_shared.stars.observations import Observations, Rejection, join, validate
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Accepted:
    """Rows of one message that passed. rows: int32 [M], their places in the message."""

    offset: int
    run_id: str | None
    rows: NDArray[np.int32]
    stars: Observations


@dataclass(frozen=True, slots=True)
class Block:
    """Accepted rows of many messages, in order. offsets: int64 [N], rows: int32 [N], run_ids: object [N]."""

    offsets: NDArray[np.int64]
    rows: NDArray[np.int32]
    run_ids: NDArray[np.object_]
    stars: Observations
    encoded: Encoded


def accept(
    stars: Observations, unreadable: Sequence[int], *, offset: int, run_id: str | None
) -> tuple[Accepted, list[Rejection]]:
    """Split the rows of one message; rows in `unreadable` were refused before and are in neither part."""
    good, rejections = validate(stars)
    if unreadable:
        skipped = set(unreadable)
        good[list(skipped)] = False
        rejections = [r for r in rejections if r.row not in skipped]
    rows = np.flatnonzero(good)
    kept = stars if len(rows) == len(stars) else stars.take(rows)
    return Accepted(offset, run_id, rows.astype(np.int32), kept), rejections


def encode_block(accepted: Sequence[Accepted]) -> Block:
    """Join what was accepted and encode it in one go; at least one part is needed."""
    counts = [len(part.rows) for part in accepted]
    stars = join([part.stars for part in accepted])
    run_ids: NDArray[Any] = np.empty(len(accepted), dtype=np.object_)
    run_ids[:] = [part.run_id for part in accepted]
    return Block(
        offsets=np.repeat(np.array([part.offset for part in accepted], dtype=np.int64), counts),
        rows=np.concatenate([part.rows for part in accepted]),
        run_ids=np.repeat(run_ids, counts),
        stars=stars,
        encoded=encode(stars),
    )
