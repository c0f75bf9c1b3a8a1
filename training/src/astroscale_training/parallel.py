"""Independent fits side by side, in processes of one thread each."""

from collections.abc import Callable, Sequence
from typing import TypeVar, cast

from joblib import Parallel, delayed

T = TypeVar("T")
A = TypeVar("A")


def side_by_side(work: Callable[[A], T], each: Sequence[A], workers: int) -> list[T]:
    """`work` of each argument, in order; `workers` at a time (1: in this process)."""
    if workers == 1:
        return [work(argument) for argument in each]
    return cast("list[T]", Parallel(n_jobs=workers)(delayed(work)(argument) for argument in each))
