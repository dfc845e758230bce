"""Fitting the verifier: a core over all pairs of local models, moved to new traffic by few labels.

The core is a ridge logistic regression by kind of evidence (`training.fit.by_kind`) on all answers
with known scores, each beside none, one or two answers of other models. Adaptation starts from its
weights: fifty labels move little but slope and level, thousands move anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from router.answers.constants import SUPPORT
from router.answers.familiar import Familiar
from router.answers.final import KINDS
from router.answers.form import FORM
from router.answers.kinds import EVIDENCE
from router.answers.programs import PROGRAM
from router.answers.reading import STATISTICS
from router.answers.verifier import NAMES, SIZE, SQUARED, Verifier, kinds_of
from router.text.asks import ASKS
from router.types import FloatArray, IntArray
from training.data.answers import GOOD_GRADE
from training.data.opinions import Abilities, Draw, Opinions, PromptLogits
from training.fit.by_kind import Freedom, Rows, fit_by_kind
from training.fit.calibrate import platt
from training.fit.constants import (
    ADAPT_C,
    ADAPT_PRIOR,
    BLIND_SHARE,
    CLOUD_TRUST,
    DOMAIN_TRUST,
    KIND_FREEDOM,
    KIND_TRUST,
    LEAST_SIMILARITY_SCALE,
    LEAST_VARIANCE,
    MEANING_TRUST,
    OWN_LABELS,
    SOURCE_ANSWERS,
    SOURCE_WEIGHT,
    SQUARE_TRUST,
    VERIFIER_C,
)

Names = NDArray[Any]

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
    *FORM,
    *PROGRAM,
    "agreement: length",
    "agreement: texts known",
    "agreement: numbers known",
    "agreement: names known",
}
_OF_DOMAIN |= {f"others: {n}" for n in _OF_DOMAIN & set(STATISTICS)}
_TRUST = np.array(
    [
        KIND_TRUST if n in _OF_KIND or n in _SAME_TEXT else DOMAIN_TRUST if n in _OF_DOMAIN else 1.0
        for n in NAMES
    ]
)
# More agreement is never evidence against an answer, whatever a correlation in some sample says.
_SIMILARITIES = (
    "meaning",
    "conclusion",
    "words",
    "numbers",
    "names",
    "calls",
    "equal",
    "content",
    "programs",
)
_RISING = np.array(
    [
        n.startswith(("agreement: ", "free text in common: ")) and n.split(": ")[1] in _SIMILARITIES
        for n in NAMES
    ]
)
_MIN_SCALE = np.where(_RISING, LEAST_SIMILARITY_SCALE, 0.0)
# Nor is the word of an abler model worth less than another's, and a fault is never a merit.
_FAULTS = (
    "cut off",
    "refusal",
    "calculations wrong",
    "program does not parse",
    "brackets do not close",
    "call: unknown function",
    "call: argument missing",
    "call: argument too many",
    "call: argument of another type",
    "call: argument out of range",
    "call: same call twice",
    "call: calls, nothing fits",
    "call: calls nothing, something fits",
    "others' calls: valid, ours not",
    "unlike abler others",
    "calls differ, by ability of the others",
)
_MERITS = (
    "call: valid",
    "call: calls nothing, nothing fits",
    "equal to abler others",
    "calls agree, by ability of the others",
)
_UPWARDS = _RISING.astype(np.int64)
# Of the local head and of the cloud's, on which a local fault has no certain bearing.
_SIGNS = (np.where(np.isin(NAMES, _MERITS), 1, _UPWARDS) - np.isin(NAMES, _FAULTS), _UPWARDS)


@dataclass(frozen=True, kw_only=True)
class VerifierRows:
    """Feature rows (n, f + d) with labels `local` and `cloud` (n,), 0..1 or NaN where unknown.

    `source`, `model`: where an answer is from and who wrote it; `grader`: whose scores they are.
    """

    features: FloatArray
    local: FloatArray
    cloud: FloatArray
    weight: FloatArray
    group: Names
    source: Names
    model: Names
    grader: Names

    def take(self, at: IntArray) -> "VerifierRows":
        """Some of the rows."""
        return VerifierRows(**{f.name: getattr(self, f.name)[at] for f in fields(self)})

    def joined(self, other: "VerifierRows", weight: float = 1.0) -> "VerifierRows":
        """These rows and `other`'s, the latter's weights times `weight`."""
        more = replace(other, weight=other.weight * weight)
        both = (self, more)
        return VerifierRows(
            **{f.name: np.concatenate([getattr(r, f.name) for r in both]) for f in fields(self)}
        )

    def balanced(self) -> "VerifierRows":
        """The rows with weights by which sources weigh alike, and within each its models.

        All together weigh SOURCE_WEIGHT for each source, however many rows it has.
        """
        weight = self.weight.copy()
        for source in set(self.source.tolist()):
            mine = self.source == source
            models = set(self.model[mine].tolist())
            for model in models:
                his = mine & (self.model == model)
                weight[his] *= SOURCE_WEIGHT / len(models) / weight[his].sum()
        return replace(self, weight=weight)


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
        local=_labels(frame),
        cloud=frame["cloud"].to_numpy(dtype="float64"),
        weight=1.0 / count,
        group=frame["group"].to_numpy(dtype=object),
        source=frame["source"].to_numpy(dtype=object),
        model=frame["model"].to_numpy(dtype=object),
        grader=_graders(frame),
    )


def _graders(frame: pd.DataFrame) -> Names:
    """Whose scores the rows have: the named judge's, else those of the source's own grader."""
    judges = frame["judge"].astype("object").where(frame["judge"].notna(), "").astype(str)
    grader: Names = (frame["source"].astype(str) + "@" + judges).to_numpy(dtype=object)
    return grader


def _labels(frame: pd.DataFrame) -> FloatArray:
    """Scores as labels: a judge's grade says whether an answer is good, other scores how much."""
    score = frame["score"].to_numpy(dtype="float64")
    graded = frame["judge"].notna().to_numpy() & np.isfinite(score)
    return np.where(graded, score >= GOOD_GRADE, score)


def fit_verifier(
    rows: VerifierRows,
    *,
    base: Verifier | None = None,
    strength: float | None = None,
    trust: FloatArray = _TRUST,
) -> Verifier:
    """Both heads on `rows`; a head without a known label keeps the base's weights (or zeros)."""
    start = _unfitted(rows) if base is None else base
    c = strength or (VERIFIER_C if base is None else ADAPT_C)
    columns, kinds = start.columns(rows.features), kinds_of(rows.features)
    names, graders = np.unique(rows.grader.astype(str), return_inverse=True)
    weights, bias = start.weights.astype(np.float64), start.bias.astype(np.float64)
    for head, label in enumerate((rows.local, rows.cloud)):
        known = np.isfinite(label)
        if known.any():
            weights[:, head], bias[:, head] = fit_by_kind(
                Rows(
                    x=columns[known],
                    kind=kinds[known],
                    y=label[known],
                    weight=rows.weight[known],
                    grader=graders[known] if base is None and len(names) > 1 else None,
                ),
                _freedom(c, trust, start.dimensions, 1.0 if head == 0 else CLOUD_TRUST),
                start=weights[:, head],
                start_bias=bias[:, head],
                sign=np.append(_SIGNS[head], np.zeros(columns.shape[1] - SIZE, dtype=np.int64)),
            )
    return replace(start, weights=weights, bias=bias)


def _unfitted(rows: VerifierRows) -> Verifier:
    """A verifier without weights that standardises as `rows` do."""
    named = rows.features[:, :SIZE]
    mean = np.average(named, axis=0, weights=rows.weight)
    square = np.average((named - mean) ** 2, axis=0, weights=rows.weight)
    scale = np.where(square > 1e-8, np.maximum(np.sqrt(square), _MIN_SCALE), 1.0)
    return Verifier.blank(mean, scale, rows.features.shape[1] - SIZE)


def _freedom(c: float, trust: FloatArray, dimensions: int, form: float) -> Freedom:
    """C of all columns: of the shared weights by how far a feature is trusted elsewhere.

    A kind's own weights need no such trust, but for final answers, of which domains there are many.
    `form`: trust in squares and meaning.
    """
    square, more = SQUARE_TRUST * form, np.full(dimensions, MEANING_TRUST * form)
    common = np.concatenate([trust, square * trust[SQUARED], more])
    full = np.concatenate([np.ones(SIZE), np.full(len(SQUARED), square), more])
    own = np.stack([common if k == "final answer" else full for k in EVIDENCE])
    return Freedom(common=c * common**2, own=c * KIND_FREEDOM * own**2)


def acquainted(verifier: Verifier, rows: VerifierRows) -> Verifier:
    """`verifier` knowing what the `rows` look like that it was fitted on."""
    z, kinds = verifier.standardised(rows.features)[:, SQUARED], kinds_of(rows.features)
    size = len(SQUARED)
    support, centre = np.zeros(len(EVIDENCE)), np.zeros((len(EVIDENCE), size))
    precision = np.stack([np.eye(size)] * len(EVIDENCE))
    for kind in set(kinds.tolist()):
        mine = kinds == kind
        weight, seen = rows.weight[mine], z[mine].astype(np.float64)
        support[kind] = weight.sum()
        centre[kind] = np.average(seen, axis=0, weights=weight)
        away = seen - centre[kind]
        covariance = (away * (weight / weight.sum())[:, None]).T @ away
        precision[kind] = np.linalg.inv(covariance + LEAST_VARIANCE * np.eye(size))
    return replace(verifier, familiar=Familiar(support, centre, precision, _level(rows)))


def _level(rows: VerifierRows) -> FloatArray:
    """Logits of the shares of good answers, local and cloud, each source and model alike.

    That of the local models is moved to the reference's ability, which is 0.
    """
    out = np.zeros(2)
    for head, label in enumerate((rows.local, rows.cloud)):
        known = np.isfinite(label)
        if known.any():
            share = float(np.average(label[known], weights=rows.weight[known]))
            out[head] = np.log(max(share, 1e-3) / max(1 - share, 1e-3))
    ability = rows.features[:, NAMES.index("ability of the local model")]
    out[0] -= float(np.average(ability, weights=rows.weight))
    return out


def recalibrated(verifier: Verifier, rows: VerifierRows, prior: float) -> Verifier:
    """`verifier` with slope and level of both heads moved by `rows`, of all kinds, then of each."""
    logits, kinds = verifier.logits(rows.features), kinds_of(rows.features)
    weights, bias = verifier.weights.astype(np.float64), verifier.bias.astype(np.float64)
    for head, label in enumerate((rows.local, rows.cloud)):
        known = np.isfinite(label)
        every = platt(logits[known, head], label[known], rows.weight[known], prior)
        moved = logits[:, head] * every[0] + every[1]
        for kind in range(len(EVIDENCE)):
            mine = known & (kinds == kind)
            own = platt(moved[mine], label[mine], rows.weight[mine], prior)
            slope, shift = own[0] * every[0], own[0] * every[1] + own[1]
            weights[kind, head] *= slope
            bias[kind, head] = bias[kind, head] * slope + shift
    return replace(verifier, weights=weights, bias=bias)


def adapted(base: Verifier, rows: VerifierRows) -> Verifier:
    """`base` moved to `rows`: few labels set slope and level, more of them any weight."""
    start = recalibrated(base, rows, ADAPT_PRIOR)
    moved = fit_verifier(rows, base=start, trust=np.ones(SIZE))
    return moved if base.familiar is None else replace(moved, familiar=_met(base.familiar, rows))


def _met(known: Familiar, rows: VerifierRows) -> Familiar:
    """What was familiar, and the kinds that `rows` hold: fifty own labels make one known."""
    count = np.bincount(kinds_of(rows.features), rows.weight, len(EVIDENCE))
    return replace(known, support=known.support + count * SUPPORT / OWN_LABELS)


def core_rows(
    opinions: Opinions,
    ability: Abilities,
    prompts: PromptLogits | None,
    rng: np.random.Generator,
    answers: IntArray | None = None,
) -> VerifierRows:
    """Rows of all answers (or some), at most SOURCE_ANSWERS of each source.

    Where prompts are known, every second answer is judged without: both occur.
    """
    frame = opinions.answers.frame
    chosen = np.arange(len(frame)) if answers is None else answers
    sources = frame["source"].to_numpy()[chosen]
    parts = [rng.permutation(chosen[sources == s])[:SOURCE_ANSWERS] for s in np.unique(sources)]
    chosen = np.concatenate(parts)
    draws = opinions.draws(rng, chosen, singles=1, pairs=1)
    if prompts is None:
        return rows_of(opinions, draws, ability)
    blind = set(chosen[rng.random(len(chosen)) < BLIND_SHARE].tolist())
    seen = rows_of(opinions, [d for d in draws if d[0] not in blind], ability, prompts)
    return seen.joined(rows_of(opinions, [d for d in draws if d[0] in blind], ability))
