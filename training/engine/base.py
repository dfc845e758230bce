"""The seam between what is computed of a piece and where that happens."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from training.engine.constants import CHUNKS

Piece = TypeVar("Piece")
Result = TypeVar("Result")
Shared = TypeVar("Shared")


class Engine(Protocol):
    """Applies a function to pieces. What it is applied to travels, so all of it can be pickled.

    A piece may be done twice, where a process died: functions write under a temporary name, and
    the same piece gives the same result.
    """

    name: str

    def map(
        self, make: Callable[[], Callable[[Piece], Result]], pieces: Sequence[Piece]
    ) -> Iterator[Result]:
        """Results in any order. `make` is called once in each process, for what is dear to load."""
        ...

    def apply(
        self,
        function: Callable[[Shared, Piece], Result],
        shared: Shared,
        pieces: Sequence[Piece],
    ) -> Iterator[Result]:
        """Results in the order of `pieces`; `shared` is sent once."""
        ...

    def close(self) -> None:
        """End the processes that this engine started."""
        ...


def chunked(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """The pieces in shares that are added up one by one, whoever does it.

    >>> chunked([1, 2])
    [[1], [2]]
    """
    count = min(CHUNKS, len(pieces))
    edges = [round(i * len(pieces) / count) for i in range(count + 1)]
    return [list(pieces[a:b]) for a, b in pairwise(edges)]


def summed(
    engine: Engine,
    function: Callable[[Shared, Piece], NDArray[np.float64]],
    shared: Shared,
    pieces: Sequence[Piece],
) -> NDArray[np.float64]:
    """The sum of the arrays that `function` gives.

    Always added in the order of `pieces`, so any number of processes gives the same bits.
    """
    total: Any = 0.0
    for one in engine.apply(function, shared, pieces):
        total = total + one
    out: NDArray[np.float64] = np.asarray(total, dtype=np.float64)
    return out
