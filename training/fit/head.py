"""One head: its rows, the ways to fit it, and its weights with the base folded in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression

from router.decide.heads import Heads
from router.decide.shift import fitted_shift
from router.registry.ability import ability_for, normalised
from router.text.structure import SIZE
from router.types import FloatArray, IntArray
from training.data.dataset import REFERENCE
from training.data.everyday import RUBRIC_PREFIX
from training.data.splits import group_folds
from training.fit.calibrate import platt
from training.fit.constants import (
    BASE_PROMPTS,
    BASE_SCALE,
    CHOICE_FOLDS,
    CHOICE_PROMPTS,
    FOLDS_PRIOR,
    HEAD_C,
    MAX_ITERATIONS,
    MIN_ROWS,
    MODEL_SCALE,
    TOLERANCE,
)
from training.fit.design import blocks, one_hot

TIERS = ("local", "cloud")
KEPT = "kept"  # what `Choice` says of a base whose labels were too few to move it


@dataclass(frozen=True)
class Base:
    """A fitted model that a new fit starts from."""

    heads: Heads
    models: Mapping[str, Mapping[str, float]]

    def ability(self, tier: str, model: str) -> float:
        """The base's ability term for a model."""
        return ability_for(ability_name(tier, model), self.models[tier], REFERENCE[tier]).value


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of one tier: `prompt` indexes the features; all arrays have shape (n,)."""

    prompt: IntArray
    model: list[str]
    score: FloatArray
    weight: FloatArray
    group: Any

    def take(self, at: IntArray) -> "Rows":
        """Some of the rows."""
        return Rows(
            prompt=self.prompt[at],
            model=[self.model[i] for i in at],
            score=self.score[at],
            weight=self.weight[at],
            group=self.group[at],
        )


def ability_name(tier: str, model: str) -> str:
    """The model whose ability term a row speaks of; grades speak of the reference."""
    return REFERENCE[tier] if model.startswith(RUBRIC_PREFIX) else model


@dataclass(frozen=True)
class Choice:
    """How a head is fitted, and the slope and shift that its logits then need.

    `c` is scikit-learn's C for a fit on the columns; None keeps the base's logit, which slope and
    shift recalibrate. `part`: how far to go there, 0..1, from the base's logit moved by `level`.
    """

    c: float | None
    slope: float = 1.0
    shift: float = 0.0
    part: float = 1.0
    level: float = 0.0
    untried: bool = False  # too few rows, or of one score, to try anything

    def __str__(self) -> str:
        if self.c is not None:
            return f"fitted, C={self.c:g}"
        return KEPT if (self.slope, self.shift) == (1.0, 0.0) else "recalibrated"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One head's data: chooses how to fit, and fits."""

    tier: str
    rows: Rows
    columns: sp.csr_matrix
    base: Base | None
    base_logits: FloatArray | None
    own_only: bool = False  # the other head's logit says nothing, as where labels are of one tier
    tolerance: float = TOLERANCE

    def choose(self, strength: float | None, seed: int, jobs: int) -> Choice:
        """A fit on the columns, or the base alone where held-out folds speak clearly for it.

        What is chosen is gone to as far as labels bear (`part_way`).
        """
        rng = np.random.default_rng(seed)
        wanted = drawn(np.unique(self.rows.prompt), rng)
        sample = self.rows.take(np.flatnonzero(np.isin(self.rows.prompt, wanted)))
        chosen = self.tried(sample, strength, rng, jobs)
        if self.base is None or strength is not None or chosen.untried:
            return chosen
        level = fitted_shift(self._prior(self.rows), self.rows.score, FOLDS_PRIOR, self.rows.weight)
        return part_way(chosen, len(np.unique(self.rows.prompt)), level)

    def tried(
        self, sample: Rows, strength: float | None, rng: np.random.Generator, jobs: int
    ) -> Choice:
        """What held-out folds of a sample of the rows speak for.

        Both are judged by log loss on three grouped folds (of at most 6,000 prompts) after
        scaling: shrinkage ranks well but makes logits timid, which the slope undoes. A fit that
        builds on a base falls back to it by itself when labels are few, so it is given the benefit
        of the doubt: the base alone must be better by a standard error.
        """
        c = strength or HEAD_C
        few = len(sample.prompt) < MIN_ROWS or len(np.unique(sample.group)) < CHOICE_FOLDS
        if few or np.ptp(sample.score) == 0:
            return Choice(c if self.base is None else None, untried=True)
        folds = list(group_folds(sample.group, CHOICE_FOLDS, rng))
        logits = Parallel(n_jobs=jobs)(
            delayed(self._held_out)(sample, c, train, test) for train, test in folds
        )
        rows = sample.take(np.concatenate([test for _, test in folds]))
        fitted, loss = _scaled(Choice(c), np.concatenate(logits), rows)
        if self.base is None or strength is not None:
            return fitted
        kept, kept_loss = _scaled(Choice(None), self._prior(rows), rows)
        worse = rows.weight / rows.weight.mean() * (loss - kept_loss)
        doubt = worse.std() / np.sqrt(len(worse))
        return kept if worse.mean() > doubt else fitted

    def _held_out(self, rows: Rows, c: float, train: IntArray, test: IntArray) -> FloatArray:
        part, rest = rows.take(train), rows.take(test)
        names = _names(part)
        if np.ptp(part.score) == 0:
            return self._prior(rest)
        model = self._estimator(part, c, names)
        return np.asarray(model.decision_function(self._inputs(rest, names)))

    def _prior(self, rows: Rows) -> FloatArray:
        """The base's logit for each row's own model."""
        if self.base is None or self.base_logits is None:
            mean = np.clip(np.average(self.rows.score, weights=self.rows.weight), 1e-3, 1 - 1e-3)
            return np.full(len(rows.prompt), float(np.log(mean / (1 - mean))))
        index = TIERS.index(self.tier)
        slope = self.base.heads.calibration[index, 0]
        own = {m: self.base.ability(self.tier, m) for m in set(rows.model)}
        reference = self.base.ability(self.tier, REFERENCE[self.tier])
        shift = slope * (np.array([own[m] for m in rows.model]) - reference)
        prior: FloatArray = self.base_logits[rows.prompt, index] + shift
        return prior

    def _inputs(self, rows: Rows, names: list[str]) -> sp.csr_matrix:
        parts = [self.columns[rows.prompt], one_hot(rows.model, names)]
        if self.base is not None and self.base_logits is not None:
            other = self.base_logits[rows.prompt, 1 - TIERS.index(self.tier)]
            other = np.zeros_like(other) if self.own_only else other
            logits = np.column_stack([self._prior(rows), other]) * BASE_SCALE
            parts = [sp.csr_matrix(logits), *parts]
        return sp.hstack(parts, format="csr", dtype=np.float32)

    def _estimator(self, rows: Rows, c: float, names: list[str]) -> LogisticRegression:
        inputs = self._inputs(rows, names)
        # Weights of columns without entries stay 0; few requests have few of the words. Left out
        # before the rows are doubled, and every copy let go: of a long log they are gigabytes.
        width, used = inputs.shape[1], np.flatnonzero(inputs.getnnz(axis=0))
        inputs = inputs[:, used]
        inputs, label, weight = soft_rows(inputs, rows.score, rows.weight)
        if self.tolerance < TOLERANCE:
            inputs = inputs.astype(np.float64)  # single precision stops short of it
        fitted = LogisticRegression(C=c, max_iter=MAX_ITERATIONS, tol=self.tolerance).fit(
            inputs, label, weight
        )
        every = np.zeros((1, width), dtype=fitted.coef_.dtype)
        every[0, used] = fitted.coef_[0]
        fitted.coef_, fitted.n_features_in_ = every, width
        return fitted

    def solve(
        self, choice: Choice, dimensions: int, vocabulary: int
    ) -> tuple[dict[str, FloatArray], dict[str, float], LogisticRegression | None]:
        """Weights (blocks and bias), ability terms per model, and the estimator, all scaled."""
        if choice.c is None:
            none = np.zeros(self.columns.shape[1] + 2 * (self.base is not None))
            return *folded(
                choice, none, 0.0, [], self.tier, self.base, dimensions, vocabulary
            ), None
        names = _names(self.rows)
        estimator = self._estimator(self.rows, choice.c, names)
        coefficients = estimator.coef_[0].astype(np.float64)
        weight, own = folded(
            choice,
            coefficients,
            float(estimator.intercept_[0]),
            names,
            self.tier,
            self.base,
            dimensions,
            vocabulary,
        )
        scaled, bias = _gone_to(choice, coefficients, float(estimator.intercept_[0]), self.base)
        estimator.coef_[0], estimator.intercept_[0] = scaled, bias
        return weight, own, estimator


def folded(
    choice: Choice,
    coefficients: FloatArray,
    intercept: float,
    names: Sequence[str],
    tier: str,
    base: Base | None,
    dimensions: int,
    vocabulary: int,
) -> tuple[dict[str, FloatArray], dict[str, float]]:
    """What a fit found as one head: weights (blocks and bias), and ability terms per model.

    `coefficients`: of a base's two logits, of the columns of `design.matrix`, of `names`.
    """
    found, bias = _gone_to(choice, coefficients, intercept, base)
    gamma = found[:2] * BASE_SCALE
    if base is not None:
        found = found[2:]
    width = len(found) - len(names)
    own = dict(zip(names, (found[width:] * MODEL_SCALE).tolist(), strict=True))
    weight = blocks(found[:width], dimensions, SIZE, vocabulary)
    weight["bias"] = np.array(bias)
    if base is None:
        return weight, own
    return _on_base(weight, own, gamma, tier, base)


def _gone_to(
    choice: Choice, coefficients: FloatArray, intercept: float, base: Base | None
) -> tuple[FloatArray, float]:
    """Coefficients and intercept with slope and shift, as far as the choice goes to them."""
    slope = choice.part * choice.slope
    found = coefficients * slope
    if base is not None:
        if choice.c is None:
            found[0] = slope / BASE_SCALE
        found[0] += (1 - choice.part) / BASE_SCALE
    shift = choice.part * choice.shift + (1 - choice.part) * choice.level
    return found, intercept * slope + shift


def _on_base(
    weight: dict[str, FloatArray],
    own: dict[str, float],
    gamma: FloatArray,
    tier: str,
    base: Base,
) -> tuple[dict[str, FloatArray], dict[str, float]]:
    """Fold gamma x (the base's logits) into the weights: everything is linear."""
    index = TIERS.index(tier)
    order = (index, 1 - index)
    for share, head in zip(gamma, order, strict=True):
        slope, shift = base.heads.calibration[head]
        for name in ("embedding", "structure", "words", "pairs", "syllables", "bias"):
            weight[name] = weight[name] + share * slope * getattr(base.heads, name)[head]
        weight["bias"] = weight["bias"] + share * shift
    other = TIERS[1 - index]
    weight["bias"] = weight["bias"] + (
        gamma[1] * base.heads.calibration[1 - index, 0] * base.ability(other, REFERENCE[other])
    )
    slope = gamma[0] * base.heads.calibration[index, 0]
    # Models without rows of their own move with the mean of those that have some.
    drift = float(np.mean(list(own.values()))) if own else 0.0
    mine = {normalised(m) for m in own}  # the user's name for a model replaces the base's
    names = {*own, *(m for m in base.models[tier] if normalised(m) not in mine)}
    ability = {m: slope * base.ability(tier, m) + own.get(m, drift) for m in sorted(names)}
    return weight, ability


def part_way(choice: Choice, prompts: int, level: float) -> Choice:
    """Few labels move the level and hardly the slope: what they say of that spoils the order.

    Log loss likes timid heads, routing asks which of two is the better; where a head tells
    little, its slope would fall and leave the gain to the other head alone.
    """
    return replace(choice, part=prompts / (prompts + BASE_PROMPTS), level=level)


def drawn(prompts: IntArray, rng: np.random.Generator) -> IntArray:
    """The prompts that a way to fit is chosen on."""
    wanted: IntArray = rng.permutation(prompts)[:CHOICE_PROMPTS]
    return wanted


def _scaled(choice: Choice, logit: FloatArray, rows: Rows) -> tuple[Choice, FloatArray]:
    """`choice` with the slope and shift that suit held-out logits, and its loss per row."""
    slope, shift = platt(logit, rows.score, rows.weight)
    z = slope * logit + shift
    return replace(choice, slope=slope, shift=shift), np.logaddexp(0, z) - rows.score * z


def _names(rows: Rows) -> list[str]:
    return sorted(set(rows.model))


def soft_rows(
    inputs: sp.csr_matrix, score: FloatArray, weight: FloatArray
) -> tuple[sp.csr_matrix, FloatArray, FloatArray]:
    """Rows, 0/1 labels and weights equal to fitting soft labels: a score of .7 becomes a 1 with
    weight .7 and a 0 with weight .3.
    """
    good, bad = np.flatnonzero(score > 0), np.flatnonzero(score < 1)
    label = np.concatenate([np.ones(len(good)), np.zeros(len(bad))])
    share = np.concatenate([weight[good] * score[good], weight[bad] * (1 - score[bad])])
    return inputs[np.concatenate([good, bad])], label, share
