"""Fitting the verifier: a core over all pairs of local models, moved to new traffic by few labels.

The core is a ridge logistic regression on all answers with known scores, each beside none, one or
two answers of other models. Adaptation starts from its weights (`training.fit.logistic`): fifty
labels move little but slope and level, thousands move anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from router.answers.final import KINDS
from router.answers.verifier import NAMES, SIZE, Verifier
from router.text.asks import ASKS
from router.types import FloatArray, IntArray
from training.data.opinions import Abilities, Draw, Opinions, PromptLogits, as_prose
from training.fit.calibrate import platt
from training.fit.constants import (
    ADAPT_C,
    ADAPT_PRIOR,
    DOMAIN_TRUST,
    EVERYDAY_LEVEL,
    KIND_TRUST,
    LEAST_SIMILARITY_SCALE,
    PROSE_WEIGHT,
    VERIFIER_C,
)
from training.fit.logistic import fit_logistic

# How far a feature is trusted in another domain than it was fitted on; 1 where it says the same.
_OF_KIND = {
    *(f"{word} {kind}" for kind in KINDS for word in ("equal", "unequal", "answer is")),
    *(f"asked for {a}" for a in ASKS),
} - {"answer is none", "answer is prose"}
_SAME_TEXT = {f"agreement: {m}" for m in ("meaning", "conclusion", "words", "numbers", "names")}
_SAME_TEXT |= {f"free text in common: {m}" for m in ("numbers", "numbers known")}
_OF_DOMAIN = {
    "text unknown",
    "length of the answer",
    "very long",
    "very short",
    "lines",
    "share of code",
    "share of digits",
    "formulas",
    "numbers in the text",
    "calculations shown",
    "hedging",
    "second thoughts",
    "final answer stands in the last words",
    "final answer is a whole number",
    "size of the final number",
    "final answer is negative",
    "final answer is a fraction or decimal",
    "length of the final answer",
    "others: length",
    "others: hedging",
    "agreement: length",
    "agreement: texts known",
    "agreement: numbers known",
    "agreement: names known",
}
_FREE_TEXT = "free text in common: content"  # the one signal that open answers have
_TRUST = np.array(
    [
        KIND_TRUST if n in _OF_KIND or n in _SAME_TEXT else DOMAIN_TRUST if n in _OF_DOMAIN else 1.0
        for n in NAMES
    ]
)
# More agreement is never evidence against an answer, whatever a correlation in some sample says.
_SIMILARITIES = ("meaning", "conclusion", "words", "numbers", "names", "calls", "equal", "content")
_RISING = np.array(
    [
        n.startswith(("agreement: ", "free text in common: ")) and n.split(": ")[1] in _SIMILARITIES
        for n in NAMES
    ]
)
_LOWER = np.where(_RISING, 0.0, -np.inf)
_MIN_SCALE = np.where(_RISING, LEAST_SIMILARITY_SCALE, 0.0)


@dataclass(frozen=True, kw_only=True)
class VerifierRows:
    """Feature rows (n, f) with labels `local` and `cloud` (n,), 0..1 or NaN where unknown."""

    features: FloatArray
    local: FloatArray
    cloud: FloatArray
    weight: FloatArray
    group: "np.ndarray[tuple[int], np.dtype[np.object_]]"

    def take(self, at: IntArray) -> "VerifierRows":
        """Some of the rows."""
        return VerifierRows(
            features=self.features[at],
            local=self.local[at],
            cloud=self.cloud[at],
            weight=self.weight[at],
            group=self.group[at],
        )

    def joined(self, other: "VerifierRows", weight: float = 1.0) -> "VerifierRows":
        """These rows and `other`'s, the latter's weights times `weight`."""
        return VerifierRows(
            features=np.concatenate([self.features, other.features]),
            local=np.concatenate([self.local, other.local]),
            cloud=np.concatenate([self.cloud, other.cloud]),
            weight=np.concatenate([self.weight, other.weight * weight]),
            group=np.concatenate([self.group, other.group]),
        )


def rows_of(
    opinions: Opinions,
    draws: Sequence[Draw],
    ability: Abilities,
    prompts: PromptLogits | None = None,
) -> VerifierRows:
    """Rows of `draws`; all draws of one prompt weigh together as much as one row."""
    at = np.array([i for i, _ in draws], dtype=np.int64)
    frame = opinions.answers.frame.iloc[at]
    count = frame.groupby("prompt_id")["prompt_id"].transform("size").to_numpy(dtype="float64")
    return VerifierRows(
        features=opinions.rows(draws, ability, prompts),
        local=frame["score"].to_numpy(dtype="float64"),
        cloud=frame["cloud"].to_numpy(dtype="float64"),
        weight=1.0 / count,
        group=frame["group"].to_numpy(dtype=object),
    )


def fit_verifier(
    rows: VerifierRows,
    *,
    base: Verifier | None = None,
    strength: float | None = None,
    trust: FloatArray = _TRUST,
) -> Verifier:
    """Both heads on `rows`; a head without a known label keeps the base's weights (or zeros)."""
    if base is None:
        mean = np.average(rows.features, axis=0, weights=rows.weight)
        square = np.average((rows.features - mean) ** 2, axis=0, weights=rows.weight)
        scale = np.where(square > 1e-8, np.maximum(np.sqrt(square), _MIN_SCALE), 1.0)
        start = Verifier(np.zeros((2, SIZE)), np.zeros(2), mean, scale)
    else:
        start = base
    c = strength or (VERIFIER_C if base is None else ADAPT_C)
    z = start.standardised(rows.features)
    weights, bias = start.weights.astype(np.float64), start.bias.astype(np.float64)
    for head, label in enumerate((rows.local, rows.cloud)):
        known = np.isfinite(label)
        if known.any():
            weights[head], bias[head] = fit_logistic(
                z[known],
                label[known],
                rows.weight[known],
                c * trust**2,
                start=weights[head],
                start_bias=float(bias[head]),
                lower=_LOWER,
            )
    return replace(start, weights=weights, bias=bias)


def recalibrated(verifier: Verifier, rows: VerifierRows, prior: float) -> Verifier:
    """`verifier` with slope and level of both heads moved by `rows`."""
    logits = verifier.logits(rows.features)
    weights, bias = verifier.weights.copy(), verifier.bias.copy()
    for head, label in enumerate((rows.local, rows.cloud)):
        known = np.isfinite(label)
        slope, shift = platt(logits[known, head], label[known], rows.weight[known], prior)
        weights[head] = weights[head] * slope
        bias[head] = bias[head] * slope + shift
    return replace(verifier, weights=weights, bias=bias)


def adapted(base: Verifier, rows: VerifierRows) -> Verifier:
    """`base` moved to `rows`: few labels set slope and level, more of them any weight."""
    start = recalibrated(base, rows, ADAPT_PRIOR)
    return fit_verifier(rows, base=start, trust=np.ones(SIZE))


def core_rows(
    opinions: Opinions,
    ability: Abilities,
    prompts: PromptLogits | None,
    rng: np.random.Generator,
    answers: IntArray | None = None,
) -> VerifierRows:
    """Rows of all answers (or some) as they are, and once more as free text."""
    frame = opinions.answers.frame
    chosen = np.arange(len(frame)) if answers is None else answers
    rows = rows_of(opinions, opinions.draws(rng, chosen), ability, prompts)
    prose = as_prose(opinions.answers)
    if not len(prose):
        return rows
    wanted = set(frame["prompt_id"].iloc[chosen])
    free = Opinions(prose, opinions.weight)
    at = np.flatnonzero(prose.frame["prompt_id"].isin(wanted).to_numpy())
    same = rows_of(free, free.draws(rng, at), ability, prompts)
    degree = same.features[:, NAMES.index(_FREE_TEXT)]
    degree[degree > 0] += EVERYDAY_LEVEL - degree[degree > 0].mean()
    return rows.joined(same, PROSE_WEIGHT)
