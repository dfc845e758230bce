"""Which rows may be used for what. Groups are never divided."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from router.types import IntArray

PARTS = ("fit", "calibration", "threshold", "test")
SHARES = {"fit": 0.7, "calibration": 0.1, "threshold": 0.1, "test": 0.1}


def group_hash(group: str) -> int:
    """64 bits that stand for a group without telling it."""
    return int.from_bytes(hashlib.sha256(f"router:{group}".encode()).digest()[:8], "big")


def part_of(group: str, shares: dict[str, float] | None = None) -> str:
    """The part that a group belongs to, from its hash alone.

    The same group lands in the same part in every fit, so a question that was in the test
    rows of a base model is in the test rows of whatever is fitted on top of it.
    """
    return str(parts_of(np.array([group_hash(group)], dtype=np.uint64), shares)[0])


def parts_of(hashes: NDArray[np.uint64], shares: dict[str, float] | None = None) -> NDArray[Any]:
    """`part_of` for groups of which only the hash is known, shape (n,) of str."""
    return np.array([*(shares or SHARES)])[places_of(hashes, shares)]


def places_of(
    hashes: NDArray[np.uint64], shares: dict[str, float] | None = None
) -> NDArray[np.uint8]:
    """The same as places in `shares`, a byte each, shape (n,)."""
    position = hashes / 2.0**64
    out = np.zeros(len(hashes), dtype=np.uint8)
    left = np.ones(len(hashes), dtype=bool)
    for place, share in enumerate((shares or SHARES).values()):
        here = left & (position < share)
        out[here] = place
        left &= ~here
        position = position - share
    return out


def parts(groups: "pd.Series[str]", shares: dict[str, float] | None = None) -> NDArray[Any]:
    """`part_of` for a column, shape (n,) of str."""
    names = groups.unique()
    hashes = np.array([group_hash(str(g)) for g in names], dtype=np.uint64)
    table = dict(zip(names, parts_of(hashes, shares).tolist(), strict=True))
    return groups.map(table).to_numpy(dtype="str")


def newest(groups: "pd.Series[str]", at: "pd.Series[float]", share: float) -> set[str]:
    """Groups that were first seen in the newest `share` of rows; `at`: when each row came."""
    first = at.groupby(groups).transform("min")
    return set(groups[first > at.quantile(1 - share)])


def seen_hashes(groups: "pd.Series[str]", before: NDArray[Any] | None = None) -> NDArray[np.uint64]:
    """Sorted hashes of `groups`, joined with those of `before`."""
    mine = np.array([group_hash(str(g)) for g in groups.unique()], dtype=np.uint64)
    return np.union1d(mine, np.zeros(0, np.uint64) if before is None else before)


def unseen(groups: "pd.Series[str]", seen: NDArray[Any]) -> NDArray[np.bool_]:
    """Which rows are of groups that no fit has used, shape (n,)."""
    table = {g: group_hash(str(g)) for g in groups.unique()}
    hashes = groups.map(table).to_numpy(dtype=np.uint64)
    return ~np.isin(hashes, seen)


def group_folds(
    groups: NDArray[Any], folds: int, rng: np.random.Generator
) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield (train, test) row indices of `folds` random folds of whole groups."""
    unique, number = np.unique(groups, return_inverse=True)
    order = np.arange(len(unique))
    rng.shuffle(order)
    fold = np.zeros(len(unique), dtype=np.int64)
    for i, held_out in enumerate(np.array_split(order, folds)):
        fold[held_out] = i
    of = fold[number]  # names themselves would be looked for one by one, in squares of their number
    for i in range(folds):
        yield np.flatnonzero(of != i), np.flatnonzero(of == i)


def group_sample(
    groups: NDArray[Any], size: int, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """(train, rest) row indices, train being whole groups that add up to about `size` rows."""
    unique, number, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = rng.permutation(len(unique))
    enough = int(np.searchsorted(np.cumsum(counts[order]), size)) + 1
    chosen = np.zeros(len(unique), dtype=bool)
    chosen[order[:enough]] = True
    train = chosen[number]
    return np.flatnonzero(train), np.flatnonzero(~train)
