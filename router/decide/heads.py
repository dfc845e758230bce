"""The two logistic heads as plain arithmetic on arrays; equal to scikit-learn within 1e-6."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.decide.constants import Z_LIMIT
from router.text.features import Features
from router.types import FloatArray


@dataclass(frozen=True, kw_only=True)
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
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `from_arrays` takes."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def logits(self, features: Features, ability: FloatArray) -> FloatArray:
        """Calibrated logits, shape (n, 2); `ability`: a term per head, shape (2,) or (n, 2)."""
        raw = features.embedding.astype(np.float64) @ self.embedding.T
        raw += self.standardised(features.structure) @ self.structure.T
        present = features.words, features.pairs, features.syllables
        for table, columns in zip(self._tables, present, strict=True):
            if len(columns.flat):
                sums = columns.sums(table.take(columns.flat, axis=0))
                raw += sums[:, :2] / np.sqrt(np.maximum(sums[:, 2:], 1e-12))
        raw += self.bias + ability
        calibrated: FloatArray = raw * self.calibration[:, 0] + self.calibration[:, 1]
        return calibrated

    @cached_property
    def _tables(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Of words, pairs and syllables, (columns, 3): weight x idf for each head, idf squared.

        So that what is known of a column lies in one place and is fetched at once.
        """
        blocks = (
            (self.words, self.word_idf),
            (self.pairs, self.pair_idf),
            (self.syllables, self.syllable_idf),
        )
        words, pairs, syllables = (
            np.column_stack([*(weights * idf.astype(np.float64)), idf.astype(np.float64) ** 2])
            for weights, idf in blocks
        )
        return words, pairs, syllables

    def standardised(self, structure: FloatArray) -> FloatArray:
        """Structure features as z-scores, limited to ±4."""
        z = (structure - self.structure_mean) / self.structure_scale
        limited: FloatArray = np.minimum(np.maximum(z, -Z_LIMIT), Z_LIMIT)
        return limited


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
