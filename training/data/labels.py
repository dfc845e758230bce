"""Which labels of a stored piece belong to which part, with the weight that they have in a fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from router.types import FloatArray, IntArray
from training.data.dataset import TIERS
from training.data.splits import PARTS, group_hash, places_of
from training.data.stored import Stored


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Labels of one tier in a piece, by prompt: arrays of shape (m,).

    `prompt`: its number in the piece; `model`: its number in `Stored.about["models"]`.
    """

    prompt: IntArray
    model: IntArray
    score: FloatArray
    weight: FloatArray

    def __len__(self) -> int:
        return len(self.prompt)


@dataclass(frozen=True)
class Division:
    """Who is in which part. `later`: of an exported log, the sorted hashes of the groups that test.

    `shares`: by how much the rows of a source weigh in a fit; None: each as it is.
    """

    later: NDArray[np.uint64] | None = None
    shares: Mapping[str, float] | None = None

    def within(self, groups: NDArray[np.uint64], part: str) -> NDArray[np.bool_]:
        """Which group hashes (n,) are in a part of `training.data.splits.PARTS`."""
        mine: NDArray[np.bool_] = places_of(groups) == PARTS.index(part)
        if self.later is None:
            return mine
        tests: NDArray[np.bool_] = np.isin(groups, self.later)
        if part == "test":
            return tests
        if part == "fit":
            mine |= places_of(groups) == PARTS.index("test")
        return mine & ~tests

    def rows_within(self, groups: "pd.Series[str]", part: str) -> NDArray[np.bool_]:
        """The same for groups by name."""
        hashes = np.array([group_hash(str(g)) for g in groups], dtype=np.uint64)
        return self.within(hashes, part)

    def labels(self, piece: Stored, part: str) -> dict[str, Labels]:
        """The labels of one part, by tier. A prompt answered by many models counts once."""
        mine = self.within(piece.array("group"), part)
        of, tier = piece.array("of"), piece.array("tier")
        score, weight, model = (piece.array(n) for n in ("score", "weight", "model"))
        if self.shares is not None and part == "fit":
            share = np.array([self.shares[s] for s in piece.about["sources"]])
            weight = weight * share[piece.array("source")][of]
        out = {}
        for index, name in enumerate(TIERS):
            at = np.flatnonzero((tier == index) & mine[of])
            at = at[np.argsort(of[at], kind="stable")]
            out[name] = Labels(
                prompt=of[at].astype(np.int64),
                model=model[at].astype(np.int64),
                score=score[at],
                weight=by_prompt(weight[at], of[at]),
            )
        return out


def by_prompt(weight: FloatArray, prompt: IntArray) -> FloatArray:
    """Weights (n,) of the rows of a tier, such that each prompt counts once; `prompt` (n,) >= 0.

    >>> by_prompt(np.ones(3), np.array([0, 2, 2])).tolist()
    [1.0, 0.5, 0.5]
    """
    shared: FloatArray = weight / np.bincount(prompt)[prompt] if len(prompt) else weight
    return shared


def frame_of(piece: Stored, at: IntArray) -> pd.DataFrame:
    """The rows of some prompts in the canonical form, each named by its number in `at`, sorted."""
    of = piece.array("of")
    rows = np.flatnonzero(np.isin(of, at))
    group, source = piece.groups, piece.about["sources"]
    models = piece.about["models"]
    model, tier = piece.array("model")[rows], piece.array("tier")[rows]
    sources = piece.array("source")
    return pd.DataFrame(
        {
            "prompt_id": np.searchsorted(at, of[rows]),
            "group": _picked(group, of[rows]),
            "source": _picked(source, sources[of[rows]]),
            "tier": _picked(TIERS, tier),
            "model": _picked([name for name, _ in models], model),
            "score": piece.array("score")[rows],
            "weight": piece.array("weight")[rows],
        }
    )


def _picked(names: Sequence[str], at: NDArray[np.integer]) -> list[str]:
    return [names[i] for i in at.tolist()]
