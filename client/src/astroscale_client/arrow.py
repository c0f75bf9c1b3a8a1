"""Tables on their way to the gateway and back. The client's adapter of Arrow streams."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pyarrow as pa
from astroscale_shared.messaging import codec
from astroscale_shared.messaging.contracts import ARROW
from astroscale_shared.runtime.errors import AstroScaleError
from numpy.typing import NDArray

KIND: Final = ARROW


def stream(numbers: Mapping[str, NDArray[np.float64]]) -> bytes:
    """float64 [N] columns as a stream; NaN as null."""
    arrays = [codec.nullable(values, pa.float64()) for values in numbers.values()]
    return codec.to_bytes(pa.RecordBatch.from_arrays(arrays, names=list(numbers)))


def batch(content: bytes) -> pa.RecordBatch:
    """The one batch of an answer; AstroScaleError `bad_answer` where it is none."""
    try:
        return codec.from_trusted(content)
    except AstroScaleError as error:
        raise AstroScaleError("bad_answer", "what answers there does not speak Arrow: is it AstroScale?") from error
