"""Features as the matrix that scikit-learn fits, and its weights back as serving arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import scipy.sparse as sp
from sklearn.preprocessing import OneHotEncoder

from router.decide.constants import Z_LIMIT
from router.decide.heads import Heads
from router.text.constants import BIGRAM_BUCKETS, SYLLABLE_BUCKETS
from router.text.features import Features
from router.text.ragged import Ragged
from router.text.structure import AROUND, NAMES, SHARES
from router.types import FloatArray
from training.fit.constants import (
    EMBEDDING_SCALE,
    LEAST_AROUND_SCALE,
    LEAST_DEVIATION,
    LEAST_SHARE_SCALE,
    MODEL_SCALE,
    PAIRS_SCALE,
    STRUCTURE_SCALE,
    SYLLABLES_SCALE,
    WORDS_SCALE,
)

_LEAST_SCALE = np.where(np.isin(NAMES, AROUND), LEAST_AROUND_SCALE, 0.0)
_LEAST_SCALE[np.isin(NAMES, SHARES)] = LEAST_SHARE_SCALE


@dataclass(frozen=True)
class Scaling:
    """What standardises the blocks; taken over from the base when there is one."""

    structure_mean: FloatArray
    structure_scale: FloatArray
    word_idf: FloatArray
    pair_idf: FloatArray
    syllable_idf: FloatArray

    @classmethod
    def of(cls, features: Features, vocabulary: int) -> "Scaling":
        """Learn means, deviations and document frequencies from `features`."""
        deviation = features.structure.std(axis=0)
        return cls(
            structure_mean=features.structure.mean(axis=0),
            # A feature that never varied carries no weight; 1 keeps it finite. What most requests
            # lack varies little in all of them, and is told in units of its own.
            structure_scale=np.where(
                deviation > LEAST_DEVIATION, np.maximum(deviation, _LEAST_SCALE), 1.0
            ),
            word_idf=_idf(features.words, vocabulary),
            pair_idf=_idf(features.pairs, BIGRAM_BUCKETS),
            syllable_idf=_idf(features.syllables, SYLLABLE_BUCKETS),
        )

    @classmethod
    def from_heads(cls, heads: Heads) -> "Scaling":
        """The scaling of a fitted model."""
        return cls(**{field.name: getattr(heads, field.name) for field in fields(cls)})


def _idf(present: Ragged, width: int) -> FloatArray:
    seen = np.bincount(present.flat, minlength=width)
    idf: FloatArray = (np.log((1 + len(present)) / (1 + seen)) + 1).astype(np.float32)
    return idf


def matrix(features: Features, scaling: Scaling) -> sp.csr_matrix:
    """All blocks side by side, float32, shape (n, width of embedding, structure and so on)."""
    z = (features.structure - scaling.structure_mean) / scaling.structure_scale
    z = np.clip(z, -Z_LIMIT, Z_LIMIT) * STRUCTURE_SCALE
    dense = np.hstack(
        [(features.embedding * EMBEDDING_SCALE).astype(np.float32), z.astype(np.float32)]
    )
    return sp.hstack(
        [
            sp.csr_matrix(dense),
            _tfidf(features.words, scaling.word_idf, WORDS_SCALE),
            _tfidf(features.pairs, scaling.pair_idf, PAIRS_SCALE),
            _tfidf(features.syllables, scaling.syllable_idf, SYLLABLES_SCALE),
        ],
        format="csr",
        dtype=np.float32,
    )


def _tfidf(present: Ragged, idf: FloatArray, scale: float) -> sp.csr_matrix:
    values = idf[present.flat].astype(np.float64)
    norm = np.sqrt(np.maximum(present.sums(values**2), 1e-12))
    values = (values / norm[present.owner] * scale).astype(np.float32)
    return sp.csr_matrix((values, present.flat, present.bounds), shape=(len(present), len(idf)))


def blocks(
    coefficients: FloatArray, dimensions: int, structure: int, vocabulary: int
) -> dict[str, FloatArray]:
    """Coefficients of `matrix` columns as serving arrays, scales folded in."""
    edges = np.cumsum([dimensions, structure, vocabulary, BIGRAM_BUCKETS, SYLLABLE_BUCKETS])
    embedding, struct, words, pairs, syllables, _ = np.split(coefficients, edges)
    return {
        "embedding": embedding * EMBEDDING_SCALE,
        "structure": struct * STRUCTURE_SCALE,
        "words": words * WORDS_SCALE,
        "pairs": pairs * PAIRS_SCALE,
        "syllables": syllables * SYLLABLES_SCALE,
    }


def one_hot(models: Sequence[str], names: Sequence[str]) -> sp.csr_matrix:
    """Which of `names` each row speaks of, scaled by MODEL_SCALE, shape (n, len(names))."""
    encoder = OneHotEncoder(categories=[list(names)], handle_unknown="ignore", dtype=np.float32)
    known = encoder.fit_transform(np.array(models, dtype=object)[:, None])
    return sp.csr_matrix(known * MODEL_SCALE)
