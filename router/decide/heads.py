"""The two logistic heads as plain arithmetic on arrays; equal to scikit-learn within 1e-6."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.decide.constants import Z_LIMIT
from router.text.features import Features
from router.text.ragged import Ragged
from router.types import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """Weights of both heads; row 0 is local, row 1 is cloud. Shapes: see
    `router.registry.artifact.ARRAYS`.

    A word's value in a request is its idf divided by the length of the request's idf vector
    (TF-IDF with binary counts, normalised); pairs and syllables likewise.
    """

    embedding: NDArray[Any]
    structure: NDArray[Any]
    words: NDArray[Any]
    pairs: NDArray[Any]
    syllables: NDArray[Any]
    bias: NDArray[Any]
    calibration: NDArray[Any]
    structure_mean: NDArray[Any]
    structure_scale: NDArray[Any]
    word_idf: NDArray[Any]
    pair_idf: NDArray[Any]
    syllable_idf: NDArray[Any]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Heads":
        """Pick the heads' arrays out of an artifact's."""
        return cls(**{name: arrays[name] for name in cls.__slots__})

    def logits(self, features: Features, ability: FloatArray) -> FloatArray:
        """Calibrated logits, shape (n, 2); `ability`: a term per head, shape (2,) or (n, 2)."""
        raw = features.embedding.astype(np.float64) @ self.embedding.T
        raw += self.standardised(features.structure) @ self.structure.T
        raw += _weighted(self.words, self.word_idf, features.words)
        raw += _weighted(self.pairs, self.pair_idf, features.pairs)
        if len(features.syllables.flat):
            raw += _weighted(self.syllables, self.syllable_idf, features.syllables)
        raw += self.bias + ability
        calibrated: FloatArray = raw * self.calibration[:, 0] + self.calibration[:, 1]
        return calibrated

    def standardised(self, structure: FloatArray) -> FloatArray:
        """Structure features as z-scores, limited to ±4."""
        z = (structure - self.structure_mean) / self.structure_scale
        limited: FloatArray = np.minimum(np.maximum(z, -Z_LIMIT), Z_LIMIT)
        return limited


def _weighted(weights: FloatArray, idf: FloatArray, present: Ragged) -> FloatArray:
    """Sum of weight x TF-IDF over the `present` columns, per request and head, shape (n, 2)."""
    values = idf[present.flat].astype(np.float64)
    length = np.sqrt(np.maximum(present.sums(values * values), 1e-12))
    if len(present) == 1:
        total: FloatArray = (weights[:, present.flat] @ values)[None, :] / length
    else:
        total = present.sums((weights[:, present.flat] * values).T) / length[:, None]
    return total


def sigmoid(z: FloatArray) -> FloatArray:
    """1 / (1 + exp(-z)), without overflow.

    >>> sigmoid(np.array([-1000.0, 0.0])).tolist()
    [0.0, 0.5]
    """
    p: FloatArray = 0.5 * (1.0 + np.tanh(0.5 * z))
    return p


def logit(p: FloatArray, edge: float = 0.0) -> FloatArray:
    """log(p / (1 - p)), with `p` held from `edge` to 1 - `edge`.

    >>> logit(np.array([0.5, 0.0]), edge=0.1).round(1).tolist()
    [0.0, -2.2]
    """
    kept = np.clip(p, edge, 1 - edge)
    z: FloatArray = np.log(kept / (1 - kept))
    return z
