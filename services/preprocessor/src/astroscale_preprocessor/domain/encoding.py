"""What becomes of the rows of raw messages: accepted and encoded, or refused with a reason. numpy in, numpy out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astroscale_shared.stars.encoding import Encoded, encode
from astroscale_shared.stars.observations import Observations, Rejection, join, validate
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Source:
    """The message that rows came in: its offset, the run that produced it, and where it is from when it is a copy."""

    offset: int
    run_id: str | None = None
    origin: str | None = None
    hop: int = 0
    replay_id: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """Rows of one message that passed. rows: int32 [M], their places in the message."""

    source: Source
    rows: NDArray[np.int32]
    stars: Observations


@dataclass(frozen=True, slots=True)
class Block:
    """Accepted rows of many messages, in order. rows: int32 [N]; source: int32 [N], which of `sources` a row is of."""

    sources: Sequence[Source]
    source: NDArray[np.int32]
    rows: NDArray[np.int32]
    stars: Observations
    encoded: Encoded


def accept(
    stars: Observations, unreadable: Sequence[int], source: Source, *, named: NDArray[np.bool_] | None = None
) -> tuple[Accepted, list[Rejection]]:
    """Split the rows of one message; rows in `unreadable` were refused before and are in neither part, and neither are
    those outside `named` (bool [N]; None for all): of them nothing is asked."""
    good, rejections = validate(stars)
    if unreadable:
        skipped = set(unreadable)
        good[list(skipped)] = False
        rejections = [r for r in rejections if r.row not in skipped]
    if named is not None:
        good &= named
        rejections = [r for r in rejections if named[r.row]]
    rows = np.flatnonzero(good)
    kept = stars if len(rows) == len(stars) else stars.take(rows)
    return Accepted(source, rows.astype(np.int32), kept), rejections


def encode_block(accepted: Sequence[Accepted]) -> Block:
    """Join what was accepted and encode it in one go; at least one part is needed."""
    stars = join([part.stars for part in accepted])
    return Block(
        sources=[part.source for part in accepted],
        source=np.repeat(np.arange(len(accepted), dtype=np.int32), [len(part.rows) for part in accepted]),
        rows=np.concatenate([part.rows for part in accepted]),
        stars=stars,
        encoded=encode(stars),
    )
