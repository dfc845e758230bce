"""Which requests to ask about next: where one label moves the decision most."""

from collections.abc import Mapping, Sequence

import numpy as np

from router.labelling.constants import (
    ENOUGH_OF_KIND,
    EXPLORED_WORTH,
    MOST_APART,
    NEAR_GAIN,
    READ_SHARE,
    USUAL_CHARS,
)
from router.types import FloatArray, IntArray


class Best:
    """The names with the greatest values of all that are added, `most` of them at most.

    >>> best = Best(2)
    >>> best.add(["a", "b"], np.array([1.0, 3.0]))
    >>> best.add(["c"], np.array([2.0]))
    >>> best.names
    ['b', 'c']
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.names: list[str] = []
        self._values: FloatArray = np.zeros(0)

    def add(self, names: Sequence[str], values: FloatArray) -> None:
        """More of them, with their values (n,); equal ones stay in the order of their coming."""
        every, all_values = [*self.names, *names], np.concatenate([self._values, values])
        order = np.argsort(-all_values, kind="stable")[: self._most]
        self.names, self._values = [every[i] for i in order], all_values[order]


def worth(p_local: FloatArray, p_cloud: FloatArray, threshold: FloatArray) -> FloatArray:
    """How much a label of each request is worth, 0..1, shape (n,).

    Uncertain about the local answer (the variance of a 0/1 outcome, scaled to 1) and close to
    where the decision turns: uncertainty sampling (Lewis and Gale 1994), at the decision boundary.

    >>> w = worth(np.array([.6, .99, .6]), np.array([.9, .99, .6]), np.array([.3, .3, .3]))
    >>> int(np.argmax(w))
    0
    """
    distance = (p_cloud - p_local - threshold) / NEAR_GAIN
    value: FloatArray = 4 * p_local * (1 - p_local) * np.exp(-0.5 * distance**2)
    return value


def worth_of_study(
    value: FloatArray, explored: FloatArray, kinds: Sequence[str], studied: Mapping[str, int]
) -> FloatArray:
    """`value` of labels (n,) where each is one of many: more in some places than in others.

    `explored` (n,): 1 where the other tier was tried, since what a label says there holds for both
    tiers. `kinds`: what each request asks for; `studied`: kind -> labels there are. What one more
    label adds falls with the root of their number, as the error of a mean does.

    >>> worth_of_study(np.ones(2), np.zeros(2), ["code", "text"], {"text": 150}).tolist()
    [1.0, 0.5]
    """
    rare = np.array([ENOUGH_OF_KIND / (ENOUGH_OF_KIND + studied.get(k, 0)) for k in kinds])
    out: FloatArray = value * np.where(explored > 0, EXPLORED_WORTH, 1.0) * np.sqrt(rare)
    return out


def effort(prompt_chars: FloatArray, answer_chars: FloatArray) -> FloatArray:
    """How long asking takes, shape (n,), in answers of usual length; reading is quicker.

    `answer_chars` (n,): what has to be written, NaN where nobody knows.
    """
    written = np.where(np.isfinite(answer_chars), answer_chars, USUAL_CHARS)
    out: FloatArray = (USUAL_CHARS + written + READ_SHARE * prompt_chars) / (2 * USUAL_CHARS)
    return out


def most_informative(value: FloatArray, vectors: FloatArray, count: int) -> IntArray:
    """Indices of `count` requests, best first; what resembles a chosen one counts for less.

    `vectors` (n, d) are embeddings of unit length or 0; equal values keep their order. After
    MOST_APART of them the others follow as they stand then, so that a long log costs time by its
    length and not by the square of it.
    """
    chosen: list[int] = []
    left = np.asarray(value, dtype=np.float64).copy()
    likeness = np.zeros(len(left))
    for _ in range(min(count, len(left), MOST_APART)):
        best = int(np.argmax(left * (1 - likeness)))
        chosen.append(best)
        likeness = np.maximum(likeness, np.clip(vectors @ vectors[best], 0, 1))
        left[best] = -1.0
        likeness[best] = 0.0
    rest = np.argsort(-left * (1 - likeness), kind="stable")[: max(count - len(chosen), 0)]
    return np.concatenate([np.array(chosen, dtype=np.int64), rest[: len(left) - len(chosen)]])
