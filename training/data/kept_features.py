"""Features of many requests as files: what is asked of them at once is in memory, no more."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from router.text.features import Features, given_up
from router.text.ragged import bounds_of
from router.types import FloatArray, IntArray
from training.data.stored import Stored, arrays_of
from training.engine.stages import written


class KeptFeatures(Features):
    """`Features` whose rows lie in the pieces of a folder, in their order.

    Rows that are taken, or their embeddings, are as the files have them: the embedding in half
    precision, the structure in single. Whole arrays are not to be had.
    """

    _pieces: list[Stored]
    _first: IntArray

    def __init__(self, pieces: Sequence[Stored]) -> None:
        # The parent is frozen, and its own fields stay empty.
        object.__setattr__(self, "_pieces", list(pieces))
        object.__setattr__(self, "_first", bounds_of([int(p.about["prompts"]) for p in pieces]))

    def __len__(self) -> int:
        return int(self._first[-1])

    def take(self, rows: IntArray) -> Features:
        """See `Features.take`; the pieces are read one after the other."""
        distinct = np.unique(rows)
        found = [piece.features(at) for piece, at in self._places(distinct)]
        if not found:
            return self._pieces[0].features(np.zeros(1, dtype=np.int64)).take(distinct)
        every = given_up(found)
        if np.array_equal(distinct, rows):
            return every  # of many requests a copy would be gigabytes
        return every.take(np.searchsorted(distinct, rows))

    def vectors(self, rows: IntArray) -> FloatArray:
        """See `Features.vectors`; only embeddings are read."""
        distinct = np.unique(rows)
        found = [piece.vectors(at) for piece, at in self._places(distinct)]
        if not found:
            return self._pieces[0].vectors(np.zeros(1, dtype=np.int64))[:0]
        every: FloatArray = np.concatenate(found)
        return every[np.searchsorted(distinct, rows)]

    def _places(self, rows: IntArray) -> Iterator[tuple[Stored, IntArray]]:
        """The pieces that ascending rows lie in, with the numbers that they have there."""
        edges = np.searchsorted(rows, self._first)
        for piece, a, b, first in zip(self._pieces, edges, edges[1:], self._first, strict=False):
            if b > a:
                yield piece, rows[a:b] - first

    def pieces(self, size: int) -> Iterator[Features]:
        """See `Features.pieces`; each file is read once."""
        for piece in self._pieces:
            for _, block in piece.blocks(size):
                yield block


def keep(path: Path, features: Features) -> Stored:
    """Write features alone as a piece. Raises TrainingError."""
    written(path, arrays_of(features), {"prompts": str(len(features))})
    return Stored(str(path))
