"""Which requests to ask about next: where one label moves the decision most."""

import numpy as np

from router.labelling.constants import MOST_APART, NEAR_GAIN
from router.types import FloatArray, IntArray


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
