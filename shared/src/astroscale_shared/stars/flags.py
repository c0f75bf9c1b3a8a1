"""Flags of a prediction, as bits of an unsigned 32-bit integer.

Bits 0-8 say which input is missing, bits 9-17 which lies outside the range of the training stars, both in the order of
`columns.INPUTS`. Those belong to the encoding. Bit 18 belongs to the model: its own measure says that the star lies
farther from the training stars than its predictions reach, all inputs taken together.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from astroscale_shared.stars.columns import INPUTS
from astroscale_shared.stars.observations import Observations

OPTIONAL: Final = frozenset({"pmra", "pmdec"})
EXTRAPOLATED: Final = np.uint32(1 << (2 * len(INPUTS)))
_FEW: Final = 1024
_LOW: Final = np.array([[column.nominal_low] for column in INPUTS])
_HIGH: Final = np.array([[column.nominal_high] for column in INPUTS])
_BITS: Final = np.left_shift(np.uint32(1), np.arange(2 * len(INPUTS), dtype=np.uint32))[:, None]
NAMES: Final = (
    *(f"missing_{c.name}" for c in INPUTS),
    *(f"out_of_range_{c.name}" for c in INPUTS),
    "extrapolated",
)
"""By bit."""


def flags_of(stars: Observations) -> NDArray[np.uint32]:
    """uint32 [N]: missing and out-of-training-range bits of each star."""
    if len(stars) <= _FEW:
        # All columns at once: for a few stars, what counts is the number of numpy calls.
        values = np.array([stars.numeric[column.name] for column in INPUTS])
        bits = np.concatenate([np.isnan(values), (values < _LOW) | (values > _HIGH)])
        return np.bitwise_or.reduce(np.where(bits, _BITS, np.uint32(0)), axis=0)
    flags = np.zeros(len(stars), dtype=np.uint32)
    for bit, column in enumerate(INPUTS):
        values = stars.numeric[column.name]
        flags |= np.isnan(values).astype(np.uint32) << np.uint32(bit)
        beyond = (values < column.nominal_low) | (values > column.nominal_high)
        flags |= beyond.astype(np.uint32) << np.uint32(bit + len(INPUTS))
    return flags


def names_of(flags: int) -> list[str]:
    """The names of the bits that are set. Proper motions are optional, so that their absence is not worth a name."""
    return [
        name for bit, name in enumerate(NAMES) if flags >> bit & 1 and name.removeprefix("missing_") not in OPTIONAL
    ]
