"""The heads' fit over pieces: loss and slope are sums, so no two pieces need to be in memory.

What is minimised is what `training.fit.head` gives scikit-learn: for each head the weighted mean of
the log loss with soft labels plus |w|^2 / (2 C sum of weights), by the same method (L-BFGS). Both
heads are looked for at once, since each pass over the pieces serves both; their losses share
nothing, so the optimum is that of each alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from router.decide.heads import Heads, sigmoid
from router.types import FloatArray
from training.data.dataset import REFERENCE
from training.data.labels import Division, Labels
from training.data.stored import Stored
from training.engine.base import Engine, summed
from training.fit.constants import (
    BASE_SCALE,
    EARLY_SHARE,
    EARLY_TOLERANCE,
    FINE_TOLERANCE,
    MAX_ITERATIONS,
    MODEL_SCALE,
    STEPS_REMEMBERED,
)
from training.fit.design import Counts, Scaling, dense, sparse
from training.fit.head import TIERS, Base, ability_name
from training.fit.heads import base_logits

_HEAD = 2  # numbers before the slopes of a head: its loss and the sum of its weights


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns of the fit of both heads over pieces.

    `names`: of each tier, the models that have a term of their own; `dimensions`: of the embedding.
    """

    division: Division
    scaling: Scaling
    names: Mapping[str, Sequence[str]]
    dimensions: int
    base: Base | None = None

    @property
    def blocks(self) -> list[int]:
        """Widths of the blocks that both heads have: dense ones, words, pairs, syllables."""
        s = self.scaling
        words = [len(s.word_idf), len(s.pair_idf), len(s.syllable_idf)]
        return [self.dimensions + len(s.structure_mean), *words]

    def width(self, tier: str) -> int:
        """How many weights a head has, its intercept, the last one, included."""
        return 2 * (self.base is not None) + sum(self.blocks) + len(self.names[tier]) + 1

    def split(self, tier: str, weights: FloatArray) -> list[FloatArray]:
        """A head's weights: of a base's logits, of each of `blocks`, of the models, intercept."""
        widths = [2 * (self.base is not None), *self.blocks, len(self.names[tier])]
        return np.split(weights, np.cumsum(widths))


def counts(
    engine: Engine, division: Division, chunks: Sequence[Sequence[Stored]], vocabulary: int
) -> Counts:
    """What the scaling is made of: the features of all prompts in the part `fit`."""
    found = list(engine.apply(_counts, (division, vocabulary), chunks))
    whole = found[0]
    for one in found[1:]:
        whole = whole.joined(one)
    return whole


def _counts(shared: tuple[Division, int], chunk: Sequence[Stored]) -> Counts:
    division, vocabulary = shared
    whole: Counts | None = None
    for piece in chunk:
        mine = division.parts(piece.array("group")) == "fit"
        for start, block in piece.blocks():
            at = np.flatnonzero(mine[start : start + len(block)])
            one = Counts.of(block.take(at), vocabulary)
            whole = one if whole is None else whole.joined(one)
    assert whole is not None
    return whole


def fit(
    engine: Engine,
    columns: Columns,
    chunks: Sequence[Sequence[Stored]],
    c: Mapping[str, float],
) -> dict[str, FloatArray]:
    """The weights of the heads of the tiers in `c`, scikit-learn's C; see `Columns.split`.

    Of many pieces a few come first, from whose optimum the way to that of all is short.
    """
    theta = np.zeros(sum(columns.width(t) for t in c))
    early = [chunk[: round(len(chunk) * EARLY_SHARE)] for chunk in chunks]
    if all(early):
        theta = _minimised(engine, columns, early, c, theta, EARLY_TOLERANCE)
    theta = _minimised(engine, columns, chunks, c, theta, FINE_TOLERANCE)
    return _by_tier(columns, tuple(c), theta)


def _minimised(
    engine: Engine,
    columns: Columns,
    chunks: Sequence[Sequence[Stored]],
    c: Mapping[str, float],
    start: FloatArray,
    tolerance: float,
) -> FloatArray:
    tiers = tuple(c)

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        weights = _by_tier(columns, tiers, theta)
        total = summed(engine, _loss, (columns, weights), chunks)
        value, slopes, at = 0.0, [], 0
        for tier in tiers:
            mine = total[at : at + _HEAD + columns.width(tier)]
            at += len(mine)
            away = np.append(weights[tier][:-1], 0.0)  # the intercept is not held back
            value += (mine[0] + away @ away / (2 * c[tier])) / mine[1]
            slopes.append((mine[_HEAD:] + away / c[tier]) / mine[1])
        return float(value), np.concatenate(slopes)

    options = {
        "maxiter": MAX_ITERATIONS,
        "maxls": 50,
        "gtol": tolerance,
        "ftol": 64 * np.finfo(float).eps,  # so far as scikit-learn has it
        "maxcor": STEPS_REMEMBERED,
    }
    found: FloatArray = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
    return found


def _by_tier(columns: Columns, tiers: Sequence[str], theta: FloatArray) -> dict[str, FloatArray]:
    cuts = np.cumsum([columns.width(t) for t in tiers])[:-1]
    return dict(zip(tiers, np.split(theta, cuts), strict=True))


def _loss(
    shared: tuple[Columns, Mapping[str, FloatArray]], chunk: Sequence[Stored]
) -> NDArray[np.float64]:
    """Of each head its loss, sum of weights and slopes, one after the other, over some pieces."""
    columns, weights = shared
    heads = {t: _Head(columns, t, w) for t, w in weights.items()}
    both = [
        np.stack([h.blocks[i] for h in heads.values()], axis=1)
        for i in range(len(columns.blocks))
    ]
    slopes = [np.zeros(b.shape) for b in both]
    for piece in chunk:
        labels = columns.division.labels(piece, "fit")
        for head in heads.values():
            head.begin(piece, labels[head.tier])
        for start, features in piece.blocks():
            # Prompts of other parts are left out before anything is computed of them.
            known = [head.take(start, len(features)) for head in heads.values()]
            used = np.unique(np.concatenate([k.prompt for k in known]))
            if not len(used):
                continue
            mine = features.take(used - start)
            inputs = [dense(mine, columns.scaling), *sparse(mine, columns.scaling)]
            inputs = [x.astype(np.float64) for x in inputs]  # in single the last steps are noise
            z = np.zeros((len(used), len(heads)))
            for x, w in zip(inputs, both, strict=True):
                z += x @ w
            logits = base_logits(columns.base, mine)
            residual = np.zeros((len(used), len(heads)))
            for i, (head, one) in enumerate(zip(heads.values(), known, strict=True)):
                at = np.searchsorted(used, one.prompt)
                residual[:, i] = head.add(one, at, z[:, i], logits)
            for x, slope in zip(inputs, slopes, strict=True):
                slope += x.T @ residual
    out = []
    for i, head in enumerate(heads.values()):
        own = [head.own_slopes["base"], *(s[:, i] for s in slopes), head.own_slopes["model"]]
        out += [[head.loss, head.total], *own, [head.own_slopes["bias"].sum()]]
    flat: NDArray[np.float64] = np.concatenate(out)
    return flat


class _Head:
    """One head in a pass: its weights, and what has been added up for it."""

    def __init__(self, columns: Columns, tier: str, weights: FloatArray) -> None:
        self.tier, self._names = tier, list(columns.names[tier])
        of_base, *self.blocks, of_model, bias = columns.split(tier, weights)
        self._of_base, self._of_model, self._bias = of_base, of_model, float(bias[0])
        self._base = columns.base
        self.loss = self.total = 0.0
        self.own_slopes = {
            "base": np.zeros(len(of_base)),
            "model": np.zeros(len(of_model)),
            "bias": np.zeros(1),
        }

    def begin(self, piece: Stored, labels: Labels) -> None:
        """The labels of the next piece."""
        self._labels = labels
        number = {name: i for i, name in enumerate(self._names)}
        names = [ability_name(self.tier, name) for name, _ in piece.about["models"]]
        self._number = np.array([number.get(name, -1) for name in names], dtype=np.int64)
        self._moved = base_terms(self._base, self.tier, names)

    def take(self, start: int, size: int) -> Labels:
        """The labels of so many prompts."""
        here = self._labels
        a, b = np.searchsorted(here.prompt, [start, start + size])
        return Labels(
            prompt=here.prompt[a:b],
            model=here.model[a:b],
            score=here.score[a:b],
            weight=here.weight[a:b],
        )

    def add(
        self, labels: Labels, at: NDArray[np.int64], z: FloatArray, logits: FloatArray | None
    ) -> FloatArray:
        """Add up loss and own slopes; returns the slope by each prompt's logit, shape of `z`.

        `at`: of each label its prompt's place in `z` and `logits`, the latter of the base.
        """
        model = self._number[labels.model]
        logit = z[at] + self._of_model[model] * MODEL_SCALE + self._bias
        beside = None
        if logits is not None:
            index = TIERS.index(self.tier)
            own = logits[at, index] + self._moved[labels.model]
            beside = np.column_stack([own, logits[at, 1 - index]]) * BASE_SCALE
            logit = logit + beside @ self._of_base
        slope = labels.weight * (sigmoid(logit) - labels.score)
        self.loss += float(labels.weight @ (np.logaddexp(0, logit) - labels.score * logit))
        self.total += float(labels.weight.sum())
        if beside is not None:
            self.own_slopes["base"] += slope @ beside
        self.own_slopes["model"] += MODEL_SCALE * np.bincount(
            model, weights=slope, minlength=len(self._names)
        )
        self.own_slopes["bias"] += slope.sum()
        out: FloatArray = np.bincount(at, weights=slope, minlength=len(z))
        return out


def base_terms(base: Base | None, tier: str, names: Sequence[str]) -> FloatArray:
    """By how much a base's logit of each of `names` differs from that of the reference, (n,)."""
    if base is None:
        return np.zeros(len(names))
    slope = base.heads.calibration[TIERS.index(tier), 0]
    reference = base.ability(tier, REFERENCE[tier])
    terms: FloatArray = np.array([base.ability(tier, n) for n in names]) - reference
    return slope * terms


def logits_of(heads: Heads, piece: Stored, part: NDArray[np.bool_]) -> FloatArray:
    """Logits of both heads, without ability terms, of the prompts in `part` (n,), others 0."""
    out = np.zeros((len(part), len(TIERS)))
    for start, features in piece.blocks():
        at = np.flatnonzero(part[start : start + len(features)])
        if len(at):
            out[start + at] = heads.logits(features.take(at), np.zeros(len(TIERS)))
    return out
