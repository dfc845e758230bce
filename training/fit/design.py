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
from router.text.structure import AROUND, NAMES, SHARES, SIZE
from router.types import FloatArray, IntArray
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
        return cls.from_counts(Counts.of(features, vocabulary))

    @classmethod
    def from_counts(cls, counts: "Counts") -> "Scaling":
        """Means, deviations and document frequencies of what was counted."""
        n = counts.requests
        deviation = np.sqrt(counts.squares / max(n, 1))
        return cls(
            structure_mean=counts.mean,
            # A feature that never varied carries no weight; 1 keeps it finite. What most requests
            # lack varies little in all of them, and is told in units of its own.
            structure_scale=np.where(
                deviation > LEAST_DEVIATION, np.maximum(deviation, _LEAST_SCALE), 1.0
            ),
            word_idf=_idf(counts.words, n),
            pair_idf=_idf(counts.pairs, n),
            syllable_idf=_idf(counts.syllables, n),
        )

    @classmethod
    def from_heads(cls, heads: Heads) -> "Scaling":
        """The scaling of a fitted model."""
        return cls(**{field.name: getattr(heads, field.name) for field in fields(cls)})


@dataclass(frozen=True)
class Counts:
    """What a scaling is made of, of some requests; counts of several lots can be joined.

    `mean` and `squares` (SIZE,): of the structure, the latter the sum of squares around the mean.
    `words`, `pairs`, `syllables`: in how many requests each stands.
    """

    requests: int
    mean: FloatArray
    squares: FloatArray
    words: IntArray
    pairs: IntArray
    syllables: IntArray

    @classmethod
    def of(cls, features: Features, vocabulary: int) -> "Counts":
        """Of `features`, of which there may be none."""
        n = len(features)
        mean = features.structure.mean(axis=0) if n else np.zeros(SIZE)
        return cls(
            requests=n,
            mean=mean,
            squares=((features.structure - mean) ** 2).sum(axis=0),
            words=np.bincount(features.words.flat, minlength=vocabulary),
            pairs=np.bincount(features.pairs.flat, minlength=BIGRAM_BUCKETS),
            syllables=np.bincount(features.syllables.flat, minlength=SYLLABLE_BUCKETS),
        )

    def joined(self, other: "Counts") -> "Counts":
        """Of both lots together (Chan, Golub and LeVeque 1983)."""
        n = self.requests + other.requests
        apart, share = other.mean - self.mean, other.requests / max(n, 1)
        return Counts(
            requests=n,
            mean=self.mean + apart * share,
            squares=self.squares + other.squares + apart**2 * self.requests * share,
            words=self.words + other.words,
            pairs=self.pairs + other.pairs,
            syllables=self.syllables + other.syllables,
        )


def _idf(seen: IntArray, requests: int) -> FloatArray:
    idf: FloatArray = (np.log((1 + requests) / (1 + seen)) + 1).astype(np.float32)
    return idf


def matrix(features: Features, scaling: Scaling) -> sp.csr_matrix:
    """All blocks side by side, float32, shape (n, width of embedding, structure and so on)."""
    return sp.hstack(
        [sp.csr_matrix(dense(features, scaling)), *sparse(features, scaling)],
        format="csr",
        dtype=np.float32,
    )


def dense(features: Features, scaling: Scaling) -> FloatArray:
    """The columns that every request has: embedding and structure, float32, shape (n, d + SIZE)."""
    z = (features.structure - scaling.structure_mean) / scaling.structure_scale
    z = np.clip(z, -Z_LIMIT, Z_LIMIT) * STRUCTURE_SCALE
    return np.hstack(
        [(features.embedding * EMBEDDING_SCALE).astype(np.float32), z.astype(np.float32)]
    )


def sparse(features: Features, scaling: Scaling) -> list[sp.csr_matrix]:
    """The columns that few requests have: words, pairs and syllables, float32, a block each."""
    return [
        _tfidf(features.words, scaling.word_idf, WORDS_SCALE),
        _tfidf(features.pairs, scaling.pair_idf, PAIRS_SCALE),
        _tfidf(features.syllables, scaling.syllable_idf, SYLLABLES_SCALE),
    ]


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
