"""What a router must beat. Each ranks test requests by a gain learned on the same train rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from router.text.features import Features
from router.types import FloatArray, IntArray
from training.evaluate.constants import (
    GOOD_SCORE,
    MAX_ITERATIONS,
    MINILM_C,
    MINILM_SCALE,
    NEIGHBOURS,
    TFIDF_C,
)


@dataclass(frozen=True, kw_only=True)
class RoutingTask:
    """A pair of models on one source; arrays of shape (n,).

    `minilm` (n, 384) or None when the extra `[encoder]` is not installed.
    """

    name: str
    prompts: Sequence[str]
    features: Features
    local: FloatArray
    cloud: FloatArray
    group: Any
    minilm: FloatArray | None = None


_Baseline = Callable[[RoutingTask, IntArray, IntArray, np.random.Generator], FloatArray]


def _random_order(
    task: RoutingTask, train: IntArray, test: IntArray, rng: np.random.Generator
) -> FloatArray:
    """No knowledge: APGR .5 in expectation."""
    return rng.random(len(test))


def _prompt_length(
    task: RoutingTask, train: IntArray, test: IntArray, rng: np.random.Generator
) -> FloatArray:
    """Longer prompts first."""
    return np.array([float(len(task.prompts[i])) for i in test])


def _nearest(
    task: RoutingTask, train: IntArray, test: IntArray, rng: np.random.Generator
) -> FloatArray:
    """Mean gain of the 40 most similar train requests (static embedding, cosine)."""
    vectors = task.features.embedding
    model = KNeighborsRegressor(min(NEIGHBOURS, len(train)), metric="cosine", weights="distance")
    fitted = model.fit(vectors[train], (task.cloud - task.local)[train])
    return np.asarray(fitted.predict(vectors[test]))


def _tfidf(
    task: RoutingTask, train: IntArray, test: IntArray, rng: np.random.Generator
) -> FloatArray:
    """TF-IDF of words and pairs, one logistic regression per tier."""
    texts = [task.prompts[i] for i in train], [task.prompts[i] for i in test]

    def head(y: FloatArray) -> FloatArray:
        vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
        model = make_pipeline(vectors, LogisticRegression(C=TFIDF_C, max_iter=MAX_ITERATIONS))
        return _good(model.fit(texts[0], y), texts[1])

    return _difference(head, task, train)


def _minilm(
    task: RoutingTask, train: IntArray, test: IntArray, rng: np.random.Generator
) -> FloatArray:
    """all-MiniLM-L6-v2 with one logistic regression per tier."""
    assert task.minilm is not None
    vectors = task.minilm * MINILM_SCALE

    def head(y: FloatArray) -> FloatArray:
        return _good(
            LogisticRegression(C=MINILM_C, max_iter=MAX_ITERATIONS).fit(vectors[train], y),
            vectors[test],
        )

    return _difference(head, task, train)


def _oracle(
    task: RoutingTask, train: IntArray, test: IntArray, rng: np.random.Generator
) -> FloatArray:
    """Knows the outcomes: the ceiling."""
    return (task.cloud - task.local)[test]


BASELINES: dict[str, _Baseline] = {
    "random": _random_order,
    "prompt length": _prompt_length,
    "kNN": _nearest,
    "TF-IDF + logistic": _tfidf,
    "MiniLM + logistic": _minilm,
    "oracle": _oracle,
}


def _difference(
    head: Callable[[FloatArray], FloatArray], task: RoutingTask, train: IntArray
) -> FloatArray:
    p = []
    for y in (task.cloud[train], task.local[train]):
        binary = (y >= GOOD_SCORE).astype(float)
        p.append(head(binary) if np.ptp(binary) else np.zeros(1) + binary[0])
    return np.asarray(p[0] - p[1])


def _good(model: Any, inputs: Any) -> FloatArray:
    return np.asarray(model.predict_proba(inputs)[:, 1])
