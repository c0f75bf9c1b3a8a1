"""One definition of the model's arithmetic for two worlds: numpy arrays, and the nodes of an ONNX graph.

What is written against `Ops` and the operators + - * / of its tensors runs in Python and is exported from the same
lines, so the two cannot drift apart; the parity gate checks the runtimes, not our transcription.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

Tensor = Any
"""A two-dimensional float64 tensor [N, K] of the world in use: an ndarray, or a `graph.Node`."""

Array = NDArray[np.float64]


class Ops(Protocol):
    """What the operators of a tensor do not say."""

    def matmul(self, a: Tensor, b: Array) -> Tensor:
        """[N, K] times constants [K, M], in the precision of `a`."""
        ...

    def concat(self, parts: Sequence[Tensor]) -> Tensor:
        """Columns side by side."""
        ...

    def split(self, a: Tensor, widths: Sequence[int]) -> list[Tensor]:
        """The opposite of `concat`."""
        ...

    def missing(self, a: Tensor) -> Tensor:
        """1.0 where NaN, else 0.0."""
        ...

    def filled(self, a: Tensor, value: Tensor | Array) -> Tensor:
        """`a`, and `value` (broadcast) where it is NaN."""
        ...

    def sqrt(self, a: Tensor) -> Tensor:
        """Square root."""
        ...

    def cos(self, a: Tensor) -> Tensor:
        """Cosine of radians."""
        ...

    def clip(self, a: Tensor, low: float, high: float) -> Tensor:
        """Limited to [low, high]."""
        ...

    def single(self, a: Tensor) -> Tensor:
        """As float32, for what is many and needs no more."""
        ...

    def double(self, a: Tensor) -> Tensor:
        """As float64 again."""
        ...

    def sum_columns(self, a: Tensor) -> Tensor:
        """[N, 1]: the sum along each row."""
        ...

    def least(self, a: Tensor) -> Tensor:
        """[N, 1]: the least of each row."""
        ...


class NumpyOps:
    """Ops on float64 arrays."""

    def matmul(self, a: Array, b: Array) -> Array:
        """See `Ops`."""
        return a @ b.astype(a.dtype, copy=False)

    def concat(self, parts: Sequence[Array]) -> Array:
        """See `Ops`."""
        return np.concatenate(parts, axis=1)

    def split(self, a: Array, widths: Sequence[int]) -> list[Array]:
        """See `Ops`."""
        return np.split(a, np.cumsum(widths)[:-1], axis=1)

    def missing(self, a: Array) -> Array:
        """See `Ops`."""
        return np.isnan(a).astype(np.float64)

    def filled(self, a: Array, value: Array) -> Array:
        """See `Ops`."""
        return np.where(np.isnan(a), value, a)

    def sqrt(self, a: Array) -> Array:
        """See `Ops`."""
        return np.sqrt(a)

    def cos(self, a: Array) -> Array:
        """See `Ops`."""
        return np.cos(a)

    def clip(self, a: Array, low: float, high: float) -> Array:
        """See `Ops`."""
        return np.clip(a, low, high)

    def single(self, a: Array) -> Tensor:
        """See `Ops`."""
        return a.astype(np.float32)

    def double(self, a: Tensor) -> Array:
        """See `Ops`."""
        return a.astype(np.float64)

    def sum_columns(self, a: Array) -> Array:
        """See `Ops`."""
        return a.sum(axis=1, keepdims=True)

    def least(self, a: Array) -> Array:
        """See `Ops`."""
        return a.min(axis=1, keepdims=True)


NUMPY: Final = NumpyOps()
