"""The heads' fit over pieces: loss and slope are sums, so no two pieces need to be in memory.

What is minimised is what `training.fit.head` gives scikit-learn: for each head the weighted mean of
the log loss with soft labels plus |w|^2 / (2 C sum of weights), by the same method (L-BFGS). Both
heads are looked for at once, since each pass over the pieces serves both; their losses share
nothing, so the optimum is that of each alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.optimize import minimize

from router.decide.heads import Heads, sigmoid
from router.text.features import Features
from router.types import FloatArray
from training.data.dataset import REFERENCE
from training.data.labels import Division
from training.data.stored import Stored
from training.engine.base import Engine, chunked, summed
from training.engine.stages import written
from training.fit.constants import (
    BASE_SCALE,
    EARLY_SHARE,
    FINE_PROMPTS,
    FINE_TOLERANCE,
    MAX_ITERATIONS,
    MODEL_SCALE,
    STEPS_REMEMBERED,
    TOLERANCE,
)
from training.fit.design import Counts, Scaling, dense, sparse
from training.fit.head import TIERS, Base, ability_name
from training.fit.heads import base_logits

_BLOCK = 2048  # prompts whose columns are in double precision at a time
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
    def _widths(self) -> list[int]:
        s = self.scaling
        rest = len(s.word_idf) + len(s.pair_idf) + len(s.syllable_idf)
        return [2 * (self.base is not None), self.dimensions + len(s.structure_mean), rest]

    def width(self, tier: str) -> int:
        """How many weights a head has, its intercept, the last one, included."""
        return sum(self._widths) + len(self.names[tier]) + 1

    def split(self, tier: str, weights: FloatArray) -> list[FloatArray]:
        """A head's weights: of a base's logits, dense, sparse, of the models, and intercept."""
        return np.split(weights, np.cumsum([*self._widths, len(self.names[tier])]))

    def of(self, features: Features) -> tuple[FloatArray, sp.csr_matrix, FloatArray]:
        """Dense and sparse columns of some requests, and a base's logits (n, 2), 0 without one."""
        rest = sp.hstack(sparse(features, self.scaling), format="csr", dtype=np.float32)
        logits = base_logits(self.base, features)
        none = np.zeros((len(features), len(TIERS)))
        return dense(features, self.scaling), rest, none if logits is None else logits


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
        mine = division.within(piece.array("group"), "fit")
        for start, block in piece.blocks():
            at = np.flatnonzero(mine[start : start + len(block)])
            one = Counts.of(block.take(at), vocabulary)
            whole = one if whole is None else whole.joined(one)
    assert whole is not None
    return whole


def fit(
    engine: Engine,
    columns: Columns,
    pieces: Sequence[Stored],
    folder: Path,
    c: Mapping[str, float],
    prompts: int,
) -> dict[str, FloatArray]:
    """The weights of the heads of the tiers in `c`, scikit-learn's C; see `Columns.split`.

    `folder`: for the columns, which are computed once. `prompts`: how many are fitted on. Of many
    pieces a few come first, from whose optimum the way to that of all is short.
    """
    paths = [folder / Path(piece.path).name for piece in pieces]
    todo = [(p, str(path)) for p, path in zip(pieces, paths, strict=True) if not path.exists()]
    for _ in engine.apply(_kept, columns, todo):
        pass
    files = [str(path) for path in paths]
    theta: FloatArray = np.zeros(sum(columns.width(t) for t in c))
    tolerance = min(FINE_TOLERANCE * max(prompts / FINE_PROMPTS, 1.0), TOLERANCE)
    early = files[:: round(1 / EARLY_SHARE)]
    if len(early) > 1:
        theta = _minimised(engine, columns, chunked(early), c, theta, tolerance)
    theta = _minimised(engine, columns, chunked(files), c, theta, tolerance)
    return _by_tier(columns, tuple(c), theta)


def _minimised(
    engine: Engine,
    columns: Columns,
    chunks: Sequence[Sequence[str]],
    c: Mapping[str, float],
    start: FloatArray,
    tolerance: float,
) -> FloatArray:
    tiers = tuple(c)

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        weights = _by_tier(columns, tiers, theta)
        parts: Mapping[str, Sequence[FloatArray]] = {
            tier: columns.split(tier, mine) for tier, mine in weights.items()
        }
        total = summed(engine, _loss, parts, chunks)
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


def _kept(columns: Columns, todo: tuple[Stored, str]) -> int:
    """Compute the columns of what a piece has of the part `fit`, and keep them in a file.

    `dense`; `sparse`, `sparse_of` and `sparse_bounds` (a CSR matrix); of each tier the labels, each
    with the number of its prompt, of its model, and a base's two logits.
    """
    piece, path = todo
    labels = columns.division.labels(piece, "fit")
    used = np.unique(np.concatenate([one.prompt for one in labels.values()]))
    blocks = []
    for start, features in piece.blocks():
        mine = used[(used >= start) & (used < start + len(features))] - start
        if len(mine):
            blocks.append(columns.of(features.take(mine)))
    dense_columns, logits = (_stacked([b[i] for b in blocks]) for i in (0, 2))
    rest = sp.vstack([b[1] for b in blocks], format="csr") if blocks else sp.csr_matrix((0, 0))
    arrays = {
        "dense": dense_columns,
        "sparse": rest.data,
        "sparse_of": rest.indices.astype(np.int32),
        "sparse_bounds": rest.indptr.astype(np.int64),
    }
    for tier, one in labels.items():
        at = np.searchsorted(used, one.prompt)
        names = [ability_name(tier, name) for name, _ in piece.about["models"]]
        number = {name: i for i, name in enumerate(columns.names[tier])}
        known = np.array([number.get(name, -1) for name in names], dtype=np.int32)
        beside = np.zeros((len(at), 0))
        if columns.base is not None:
            index = TIERS.index(tier)
            own = logits[at, index] + base_terms(columns.base, tier, names)[one.model]
            beside = np.column_stack([own, logits[at, 1 - index]]) * BASE_SCALE
        arrays |= {
            f"{tier}_prompt": at.astype(np.int64),
            f"{tier}_model": known[one.model],
            f"{tier}_score": one.score,
            f"{tier}_weight": one.weight,
            f"{tier}_beside": beside,
        }
    written(Path(path), arrays, {})
    return len(used)


def _stacked(blocks: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate(blocks) if blocks else np.zeros((0, 0))


def _loss(parts: Mapping[str, Sequence[FloatArray]], chunk: Sequence[str]) -> NDArray[np.float64]:
    """Of each head its loss, sum of weights and slopes, one after the other, over some files."""
    heads = {tier: _Head(tier, mine) for tier, mine in parts.items()}
    dense_weights = np.stack([h.dense for h in heads.values()], axis=1)
    rest_weights = np.stack([h.rest for h in heads.values()], axis=1)
    dense_slopes, rest_slopes = np.zeros(dense_weights.shape), np.zeros(rest_weights.shape)
    for path in chunk:
        arrays = load_file(path)
        known = arrays["dense"]
        if not len(known):
            continue
        # In single precision the last steps would be noise.
        shape = (len(known), len(rest_weights))
        kept = (arrays["sparse"].astype(np.float64), arrays["sparse_of"], arrays["sparse_bounds"])
        rest = sp.csr_matrix(kept, shape=shape, copy=False)
        z = rest @ rest_weights
        residual = np.empty_like(z)
        for start in range(0, len(known), _BLOCK):
            x = known[start : start + _BLOCK].astype(np.float64)
            z[start : start + len(x)] += x @ dense_weights
            for i, head in enumerate(heads.values()):
                mine = z[start : start + len(x), i]
                residual[start : start + len(x), i] = head.add(arrays, start, mine)
            dense_slopes += x.T @ residual[start : start + len(x)]
        rest_slopes += rest.T @ residual
    out: list[Any] = []
    for i, head in enumerate(heads.values()):
        own = [head.base_slopes, dense_slopes[:, i], rest_slopes[:, i], head.model_slopes]
        out += [[head.loss, head.total], *own, [head.slope]]
    flat: NDArray[np.float64] = np.concatenate(out)
    return flat


class _Head:
    """One head in a pass: its weights, and what has been added up for it."""

    def __init__(self, tier: str, parts: Sequence[FloatArray]) -> None:
        self._tier = tier
        self._base, self.dense, self.rest, self._model, bias = parts
        self._bias = float(bias[0])
        self.loss = self.total = self.slope = 0.0
        self.base_slopes, self.model_slopes = np.zeros(len(self._base)), np.zeros(len(self._model))

    def add(self, arrays: Mapping[str, Any], start: int, z: FloatArray) -> FloatArray:
        """Add up loss and own slopes of the prompts from `start`, whose logits so far are `z` (n,).

        Returns the slope of the loss by each of these logits, (n,).
        """
        prompt = arrays[f"{self._tier}_prompt"]
        here = slice(*np.searchsorted(prompt, [start, start + len(z)]))
        at = prompt[here] - start
        model, score, weight, beside = (
            arrays[f"{self._tier}_{name}"][here] for name in ("model", "score", "weight", "beside")
        )
        logit = z[at] + self._model[model] * MODEL_SCALE + self._bias
        if len(self._base):
            logit = logit + beside @ self._base
        slope = weight * (sigmoid(logit) - score)
        self.loss += float(weight @ (np.logaddexp(0, logit) - score * logit))
        self.total += float(weight.sum())
        self.slope += float(slope.sum())
        if len(self._base):
            self.base_slopes += slope @ beside
        self.model_slopes += MODEL_SCALE * np.bincount(
            model, weights=slope, minlength=len(self._model)
        )
        by_prompt: FloatArray = np.bincount(at, weights=slope, minlength=len(z)).astype(np.float64)
        return by_prompt


def base_terms(base: Base | None, tier: str, names: Sequence[str]) -> FloatArray:
    """By how much a base's logit of each of `names` differs from that of the reference, (n,)."""
    if base is None:
        return np.zeros(len(names))
    slope = base.heads.calibration[TIERS.index(tier), 0]
    reference = base.ability(tier, REFERENCE[tier])
    terms: FloatArray = slope * (np.array([base.ability(tier, n) for n in names]) - reference)
    return terms


def logits_of(heads: Heads, piece: Stored, part: NDArray[np.bool_]) -> FloatArray:
    """Logits of both heads, without ability terms, of the prompts in `part` (n,), others 0."""
    out = np.zeros((len(part), len(TIERS)))
    for start, features in piece.blocks():
        at = np.flatnonzero(part[start : start + len(features)])
        if len(at):
            out[start + at] = heads.logits(features.take(at), np.zeros(len(TIERS)))
    return out
