"""Piece by piece in this process: no more than one piece is in memory."""

from collections.abc import Callable, Iterator, Sequence

from training.engine.base import Piece, Result, Shared


class Local:
    """See `training.engine.base.Engine`.

    >>> list(Local().apply(lambda shared, piece: shared + piece, 1, [1, 2]))
    [2, 3]
    """

    name = "local"

    def map(
        self, make: Callable[[], Callable[[Piece], Result]], pieces: Sequence[Piece]
    ) -> Iterator[Result]:
        """See `Engine.map`."""
        if pieces:
            yield from map(make(), pieces)

    def apply(
        self,
        function: Callable[[Shared, Piece], Result],
        shared: Shared,
        pieces: Sequence[Piece],
    ) -> Iterator[Result]:
        """See `Engine.apply`."""
        return (function(shared, piece) for piece in pieces)

    def close(self) -> None:
        """See `Engine.close`."""
