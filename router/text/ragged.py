"""Lists of unequal length as one flat array: what keeps a batch of requests fast."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from router.text.constants import FEW_BOUNDS
from router.types import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Ragged:
    """n lists of whole numbers: list i is `flat[bounds[i]:bounds[i + 1]]`, bounds (n + 1,)."""

    flat: IntArray
    bounds: IntArray

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, i: int) -> IntArray:
        return self.flat[self.bounds[i] : self.bounds[i + 1]]

    @property
    def sizes(self) -> IntArray:
        """Length of every list, shape (n,)."""
        return self.bounds[1:] - self.bounds[:-1]

    @property
    def owner(self) -> IntArray:
        """Which list each element of `flat` belongs to."""
        return np.arange(len(self)).repeat(self.sizes)

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum of `values` (one row per element of `flat`) over each list, shape (n, ...)."""
        return segment_sums(values, self.bounds)

    def take(self, rows: IntArray) -> "Ragged":
        """Some of the lists, in the order of `rows`."""
        size = self.sizes[rows]
        bounds = bounds_of(size)
        at = np.arange(bounds[-1]) + np.repeat(self.bounds[rows] - bounds[:-1], size)
        return Ragged(self.flat[at], bounds)

    def where(self, kept: NDArray[np.bool_]) -> "Ragged":
        """The lists without the elements for which `kept` (one per element of `flat`) is false."""
        bounds = np.concatenate([[0], np.cumsum(kept)])[self.bounds]
        return Ragged(self.flat[kept], bounds)


def bounds_of(sizes: "IntArray | list[int]") -> IntArray:
    """Where lists of these sizes begin and end in one flat array, shape (n + 1,)."""
    if len(sizes) == 1:
        return np.array([0, sizes[0]])
    bounds = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=bounds[1:])
    return bounds


def concatenated(parts: list[Ragged]) -> Ragged:
    """Several `Ragged` as one."""
    sizes = np.concatenate([p.sizes for p in parts])
    return Ragged(np.concatenate([p.flat for p in parts]), bounds_of(sizes))


def distinct(owner: IntArray, values: IntArray, lists: int, bound: int) -> Ragged:
    """The distinct values of each owner, sorted; `values` lie in 0..bound-1."""
    keys = unique(values if lists == 1 else owner * bound + values)
    if lists == 1:
        return Ragged(keys, bounds_of([len(keys)]))
    owners = keys // bound
    return Ragged(keys - owners * bound, bounds_of(np.bincount(owners, minlength=lists)))


def unique(values: IntArray) -> IntArray:
    """Distinct values, sorted (faster than numpy's for a few hundred)."""
    ordered = np.sort(values)
    first = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def segment_sums(values: FloatArray, bounds: IntArray) -> FloatArray:
    """Sums of consecutive segments of the first axis; empty segments sum to 0.

    >>> segment_sums(np.array([1.0, 2.0, 4.0]), np.array([0, 2, 2, 3])).tolist()
    [3.0, 0.0, 4.0]
    """
    if len(bounds) == 2:  # one request: the usual case when serving
        one: FloatArray = values.sum(axis=0, keepdims=True)
        return one
    out: FloatArray = np.zeros((len(bounds) - 1, *values.shape[1:]), dtype=values.dtype)
    if len(bounds) <= FEW_BOUNDS:
        for i, (start, end) in enumerate(pairwise(bounds.tolist())):
            values[start:end].sum(axis=0, out=out[i, ...])
        return out
    filled = np.flatnonzero(bounds[1:] > bounds[:-1])
    if len(filled):
        out[filled] = np.add.reduceat(values, bounds[filled], axis=0)
    return out
