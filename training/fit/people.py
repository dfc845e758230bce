"""Fitting the tagger of names and addresses: logistic regression over hashed features of tokens."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.privacy.constants import PEOPLE_BUCKETS, PEOPLE_REACH
from router.privacy.people import CLASSES, Tagger, hashed, spans_of, tokens_of
from training.data.people import Example
from training.fit.constants import (
    ADDRESS_CUTS,
    PEOPLE_ALPHA,
    PEOPLE_DEAF,
    PEOPLE_EPOCHS,
    PEOPLE_LEAN,
    PEOPLE_STEP,
)

_WIDTH = 2 * PEOPLE_REACH + 1


def fit(examples: Sequence[Example], seed: int) -> Tagger:
    """The tagger that tells the classes of `examples`' tokens best; it cuts at 0."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import SGDClassifier

    rng = np.random.default_rng(seed)
    columns: list[NDArray[np.int32]] = []
    ends, classes = [0], []
    for example in examples:
        tokens = tokens_of(example.text)
        ids = [hashed(t.text).astype(np.int32) for t in tokens]
        heard = rng.random((len(tokens), _WIDTH)) >= PEOPLE_DEAF
        heard[:, PEOPLE_REACH] = True
        for at, token in enumerate(tokens):
            inside = example.start <= token.start < example.end
            classes.append(CLASSES.index(example.kind) if inside else 0)
            mine = [
                ids[at + shift - PEOPLE_REACH] + shift * PEOPLE_BUCKETS
                for shift in range(_WIDTH)
                if heard[at, shift] and 0 <= at + shift - PEOPLE_REACH < len(ids)
            ]
            columns += mine
            ends.append(ends[-1] + sum(map(len, mine)))
    indices = np.concatenate(columns)
    x = csr_matrix(
        (np.ones(len(indices), dtype=np.float32), indices, np.array(ends)),
        shape=(len(classes), _WIDTH * PEOPLE_BUCKETS),
    )
    model = SGDClassifier(
        loss="log_loss",
        alpha=PEOPLE_ALPHA,
        learning_rate="constant",
        eta0=PEOPLE_STEP,
        average=True,
        max_iter=PEOPLE_EPOCHS,
        tol=None,
        random_state=seed,
    ).fit(x, classes)
    weights = model.coef_.reshape(len(CLASSES), _WIDTH, PEOPLE_BUCKETS).transpose(2, 1, 0)
    # What serves is half as precise; so that nobody measures another tagger, it is so from here on.
    halved = weights.astype(np.float16).astype(np.float32)
    return Tagger(halved, model.intercept_.astype(np.float32), np.zeros((2, 2), dtype=np.float32))


def best(tagger: Tagger, text: str) -> dict[tuple[str, bool], float]:
    """The highest score in `text` by kind and whether a word beside it says what it is."""
    out: dict[tuple[str, bool], float] = {}
    for found, score, cued in spans_of(tagger, text, names=True):
        key = (found.kind, cued)
        out[key] = max(score, out.get(key, score))
    return out


def cut(tagger: Tagger, prompts: Sequence[str], name_rate: float) -> Tagger:
    """The tagger with cuts: of addresses as chosen, of names so that few of `prompts` have one.

    `name_rate`: the share that is allowed; half of it with a word beside it, half without.
    """
    found = [best(tagger, p) for p in prompts]
    cuts = np.array([(0.0, 0.0), ADDRESS_CUTS], dtype=np.float32)
    for cued in (False, True):
        scores = sorted((f.get(("name", cued), 0.0) for f in found), reverse=True)
        cuts[0, int(cued)] = max(scores[int(name_rate / 2 * len(scores))] + 1e-3, 0.0)
    return replace(tagger, cuts=cuts)


def leaning(tagger: Tagger) -> Tagger:
    """The tagger as it leans to names and addresses: whole spans are cut afterwards."""
    bias = tagger.bias.copy()
    bias[1:] += PEOPLE_LEAN
    return replace(tagger, bias=bias)


def save(tagger: Tagger, path: Path) -> None:
    """Write it as arrays, half as precise as it is computed with."""
    from safetensors.numpy import save_file

    arrays: dict[str, NDArray[Any]] = {
        "weights": np.ascontiguousarray(tagger.weights.astype(np.float16)),
        "bias": tagger.bias,
        "cuts": tagger.cuts,
    }
    save_file(arrays, path)
