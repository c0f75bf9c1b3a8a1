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
    """Rows that passed: some of one message, or one of each of many. source: int32 [M], which of `sources` a row is of.
    rows: int32 [M], their places in their messages."""

    sources: Sequence[Source]
    source: NDArray[np.int32]
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


def judge(
    stars: Observations, unreadable: Sequence[int], *, named: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.bool_], list[Rejection]]:
    """Which rows pass, bool [N], and why others do not. Rows in `unreadable` were refused before and are in neither
    part, and neither are those outside `named` (bool [N]; None for all): of them nothing is asked."""
    good, rejections = validate(stars)
    if unreadable:
        skipped = set(unreadable)
        good[list(skipped)] = False
        rejections = [r for r in rejections if r.row not in skipped]
    if named is not None:
        good &= named
        rejections = [r for r in rejections if named[r.row]]
    return good, rejections


def encode_block(accepted: Sequence[Accepted]) -> Block:
    """Join what was accepted, in the order of the messages, and encode it in one go; at least one part is needed."""
    stars = join([part.stars for part in accepted])
    sources = [source for part in accepted for source in part.sources]
    begins = np.cumsum([0, *(len(part.sources) for part in accepted[:-1])])
    source = np.concatenate([part.source + np.int32(begin) for part, begin in zip(accepted, begins, strict=True)])
    rows = np.concatenate([part.rows for part in accepted])
    offsets = np.array([source.offset for source in sources], dtype=np.int64)
    if len(accepted) > 1 and (np.diff(offsets) < 0).any():
        order = np.argsort(offsets[source], kind="stable")
        stars, source, rows = stars.take(order), source[order], rows[order]
    return Block(sources, source, rows, stars, encode(stars))
