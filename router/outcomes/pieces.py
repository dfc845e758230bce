"""A long log in pieces: how far a look at it is, and no more of it in memory than a piece."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

_T = TypeVar("_T")
Progress = Callable[[int, int], None]  # how many are done, and of how many


def untold(done: int, of: int) -> None:
    """Where nobody waits."""


def pieces(rows: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Lists of `size` rows, the last one shorter; none for no rows.

    >>> list(pieces("abc", 2))
    [['a', 'b'], ['c']]
    """
    left = iter(rows)
    while piece := list(islice(left, size)):
        yield piece
