"""The verifier: P(local answer is good | the answer, whether other local models agree, the prompt).

Agreement of models stands in for a judge (agreement-based cascading, arXiv 2407.02348; semantic
agreement, arXiv 2509.21837). Two logistic heads, in the form of the prompt classifier: what models
disagree on is hard, so the cloud's probability moves as well. Each kind of evidence has weights of
its own (`router.answers.kinds`), on the features named in NAMES, the squares of amounts, which may
be too small as well as too large, and the meaning of the answer's end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.answers import familiar
from router.answers.agreement import MEASURES, agreement
from router.answers.call_features import NAMES as CALL_FEATURES
from router.answers.call_features import call_features
from router.answers.constants import CONTENT_SHARES, MAX_OPINIONS, Z_LIMIT
from router.answers.familiar import Familiar
from router.answers.final import EXACT, KINDS
from router.answers.kinds import EVIDENCE, kind_of_evidence
from router.answers.reading import BINARY, STATISTICS, Reading
from router.text.asks import ASKS
from router.types import FloatArray, IntArray

SCHEMA = 2  # raise when the meaning of any feature changes

_FORM = ("form as asked", "form not as asked")
_COUNT = ("one other opinion", "two other opinions")
_VOTES = (
    "both others agree",
    "one of two others agrees",
    "the others agree on another answer",
    "all three differ",
)
_GRADED = ("numbers", "numbers known", "names", "names known")
_OTHERS = ("no answer", "free text")
_ABILITY = (
    "ability of the local model",
    "ability of the others, by degree",
    "equal to abler others",
    "unlike abler others",
    "unlike others, by own ability",
)
_PROMPT = (
    "prompt unknown",
    "prompt says local is good",
    "prompt says cloud is good",
    "prompt, no other opinion",
    "prompt, where equal",
    "prompt, where unequal",
)
NAMES: tuple[str, ...] = (
    *(f"answer is {k}" for k in KINDS),
    *(f"asked for {a}" for a in ASKS),
    *_FORM,
    *STATISTICS,
    *_COUNT,
    *(f"agreement: {a}" for a in MEASURES),
    *(f"equal {k}" for k in KINDS),
    *(f"unequal {k}" for k in KINDS),
    "equal at length",
    *_VOTES,
    "free text in common: content",
    *(f"free text in common: {g}" for g in _GRADED),
    *(f"others: {o}" for o in _OTHERS),
    *(f"others: {s}" for s in STATISTICS),
    *_ABILITY,
    *_PROMPT,
    *(f"evidence: {k}" for k in EVIDENCE),
    *CALL_FEATURES,
)
SIZE = len(NAMES)
# k: kinds of evidence, f: features, c: columns, which are the features, the squares of SQUARED
# and the meaning.
_WEIGHTS = {"weights": ("k", "2", "c"), "bias": ("k", "2"), "mean": ("f",), "scale": ("f",)}
ARRAYS = {**_WEIGHTS, **familiar.ARRAYS}

_CALLS = SIZE - len(CALL_FEATURES)
_SUITS = {
    "choice": {"choice"},
    "number": {"number"},
    "data": {"data", "call"},
    "code": {"code"},
}
_AT = {name: i for i, name in enumerate(NAMES)}
_MEASURE = {name: i for i, name in enumerate(MEASURES)}
_EQUAL, _COMPARABLE = _MEASURE["equal"], _MEASURE["comparable"]
# Free text has no final answer to compare; its content is a blend of three measures.
_CONTENT_AT = [_MEASURE[c] for c in CONTENT_SHARES]
_CONTENT_SHARE = np.array([*CONTENT_SHARES.values()])
_GRADED_AT = [_MEASURE[g] for g in _GRADED]
_KINDS = slice(_AT[f"evidence: {EVIDENCE[0]}"], _AT[f"evidence: {EVIDENCE[-1]}"] + 1)
# Amounts: an answer may be too short and too long, and so on.
SQUARED = np.array([_AT[name] for name in STATISTICS if name not in BINARY])


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known when an answer is judged.

    `others`: readings of at most two other local answers, in any order. `asks`: see
    `router.text.asks`.
    `ability`, `abilities`: ability terms of the local model and of the others, in logits.
    `prompt`: logits of p_local and p_cloud given the prompt alone, None where unknown. `unheard`:
    others that were left out, as they only refuse as the answer does. `copied`: of each other
    opinion the copied share, 0..1 (`router.decide.dependence`); none where all are strangers'.
    """

    answer: Reading
    others: Sequence[Reading] = ()
    asks: str = "text"
    ability: float = 0.0
    abilities: Sequence[float] = ()
    prompt: tuple[float, float] | None = None
    unheard: int = 0
    copied: Sequence[float] = ()


def heard(answer: Reading, others: Sequence[Reading]) -> list[int]:
    """Indices of the other answers that say something: that two refuse alike is no agreement."""
    return [i for i, other in enumerate(others) if not (answer.refuses and other.refuses)]


@dataclass(frozen=True, slots=True)
class Verifier:
    """Weights of both heads for each kind of evidence; of the heads 0 is local, 1 is cloud.

    `weights` (k, 2, c) and `bias` (k, 2) for the kinds in EVIDENCE; `mean` and `scale` (f,), f =
    SIZE, standardise the features. c is f, the squares, and the width d of meanings. `familiar`
    tells how much it can say of an answer.
    """

    weights: NDArray[Any]
    bias: NDArray[Any]
    mean: NDArray[Any]
    scale: NDArray[Any]
    familiar: Familiar | None = None

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Verifier":
        """Pick the verifier's arrays out of an artifact's."""
        weights = {name: arrays[name].astype(np.float64) for name in _WEIGHTS}
        return cls(**weights, familiar=Familiar.from_arrays(arrays))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays of an artifact, named as in ARRAYS."""
        if self.familiar is None:
            raise ValueError("a verifier is kept with what it was fitted on")
        weights = {name: getattr(self, name) for name in _WEIGHTS}
        return {**weights, **{name: getattr(self.familiar, name) for name in familiar.ARRAYS}}

    @classmethod
    def blank(cls, mean: FloatArray, scale: FloatArray, dimensions: int) -> "Verifier":
        """One that knows nothing yet, of meanings of width `dimensions`."""
        columns = SIZE + len(SQUARED) + dimensions
        kinds = len(EVIDENCE)
        return cls(np.zeros((kinds, 2, columns)), np.zeros((kinds, 2)), mean, scale)

    @property
    def dimensions(self) -> int:
        """Width d of the meanings."""
        return int(self.weights.shape[-1]) - SIZE - len(SQUARED)

    def logits(self, rows: FloatArray) -> FloatArray:
        """Calibrated logits of p_local and p_cloud, shape (n, 2), of `rows` (n, f + d)."""
        columns, kinds = self.columns(rows), kinds_of(rows)
        out = np.empty((len(rows), 2))
        for kind in set(kinds.tolist()):
            mine = kinds == kind
            out[mine] = columns[mine] @ self.weights[kind].T + self.bias[kind]
        return out

    def served(self, rows: FloatArray) -> FloatArray:
        """Logits (n, 2) where the prompt is unknown: as far as answers are unfamiliar, the level.

        The level of local models moves with their ability, which is a feature of `rows`.
        """
        logits = self.logits(rows)
        if self.familiar is None:
            return logits
        level = np.tile(self.familiar.level, (len(rows), 1))
        level[:, 0] += rows[:, _AT[_ABILITY[0]]]
        return familiar.anchored(logits, self.familiarity(rows), level)

    def familiarity(self, rows: FloatArray) -> FloatArray:
        """How well answers like these are known, 0..1, shape (n,); 1 for a bare set of weights."""
        if self.familiar is None:
            return np.ones(len(rows))
        return self.familiar.degree(self.standardised(rows)[:, SQUARED], kinds_of(rows))

    def standardised(self, rows: FloatArray) -> FloatArray:
        """Features as z-scores, limited to ±4, shape (n, f)."""
        z = (rows[:, :SIZE] - self.mean) / self.scale
        limited: FloatArray = np.minimum(np.maximum(z, -Z_LIMIT), Z_LIMIT)
        return limited

    def columns(self, rows: FloatArray) -> FloatArray:
        """What the weights are applied to, shape (n, c)."""
        z = self.standardised(rows)
        # The components of a unit vector, brought to the size of the z-scores.
        meaning = rows[:, SIZE:] * np.sqrt(self.dimensions)
        return np.concatenate([z, z[:, SQUARED] ** 2, meaning], axis=1)

    def toward_cloud(self, row: FloatArray) -> FloatArray:
        """What each feature of a `row` (1, f + d) adds to cloud minus local logit, shape (f,)."""
        weights = self.weights[kinds_of(row)[0]]
        parts = self.columns(row)[0] * (weights[1] - weights[0])
        out: FloatArray = parts[:SIZE].copy()
        out[SQUARED] += parts[SIZE : SIZE + len(SQUARED)]
        return out


def kinds_of(rows: FloatArray) -> IntArray:
    """Indices in EVIDENCE of feature rows, shape (n,)."""
    kinds: IntArray = np.argmax(rows[:, _KINDS], axis=1)
    return kinds


def with_meaning(features_: FloatArray, answer: Reading, dimensions: int) -> FloatArray:
    """Features of an answer (f,) and what it means, zeros where its text is unknown: (f + d,).

    What a whole answer means in its end says most of it; a beginning is taken as it is.
    """
    out = np.zeros(SIZE + dimensions, dtype=features_.dtype)
    out[:SIZE] = features_
    if answer.known:
        out[SIZE:] = answer.meaning if answer.so_far else answer.conclusion
    return out


def features(evidence: Evidence, weight: FloatArray) -> FloatArray:
    """The features named in NAMES, shape (SIZE,); `weight` (v,) is the idf of every token."""
    answer, others = evidence.answer, evidence.others[:MAX_OPINIONS]
    measures = [agreement(answer, other, weight) for other in others]
    between = [agreement(a, b, weight) for a, b in combinations(others, 2)]
    return row(evidence, measures, between[0] if between else None)


def row(
    evidence: Evidence, measures: Sequence[FloatArray], between: FloatArray | None
) -> FloatArray:
    """`features` from agreements already computed: with each other opinion, and between these."""
    out = np.zeros(SIZE)
    answer = evidence.answer
    kind = answer.final.kind
    out[_AT[f"answer is {kind}"]] = 1.0
    out[_KINDS.start + kind_of_evidence(answer, evidence.asks)] = 1.0
    out[_AT[f"asked for {evidence.asks}"]] = 1.0
    if suits := _SUITS.get(evidence.asks):
        out[_AT[_FORM[0]] + (kind not in suits)] = 1.0
    start = _AT[STATISTICS[0]]
    out[start : start + len(STATISTICS)] = answer.statistics
    out[_AT[_ABILITY[0]]] = evidence.ability
    equal = unequal = 0.0
    if measures:
        equal, unequal = _opinions(out, evidence, measures, between)
    _prompt(out, evidence.prompt, len(measures), equal, unequal)
    out[_CALLS:] = call_features(
        answer,
        evidence.others[: len(measures)],
        measures,
        between,
        evidence.ability,
        evidence.abilities,
    )
    return out


def _opinions(
    out: FloatArray,
    evidence: Evidence,
    measures: Sequence[FloatArray],
    between: FloatArray | None,
) -> tuple[float, float]:
    """Fill in what other opinions say; returns the share of equal and of unequal ones."""
    others = evidence.others[: len(measures)]
    mean = measures[0] if len(measures) == 1 else np.mean(measures, axis=0)
    equal, unequal = float(mean[_EQUAL]), float(mean[_COMPARABLE] - mean[_EQUAL])
    out[_AT[_COUNT[len(measures) - 1]]] = 1.0
    start = _AT[f"agreement: {MEASURES[0]}"]
    out[start : start + len(MEASURES)] = mean[: len(MEASURES)]
    kind = evidence.answer.final.kind
    out[_AT[f"equal {kind}"]], out[_AT[f"unequal {kind}"]] = equal, unequal
    # A long answer is hardly ever equal by chance.
    out[_AT["equal at length"]] = equal * np.log1p(len(evidence.answer.final.key))
    if between is not None:
        out[_AT[_VOTES[0]]] = equal == 1
        out[_AT[_VOTES[1]]] = equal == 0.5
        out[_AT[_VOTES[2]]] = equal == 0 and between[_EQUAL]
        out[_AT[_VOTES[3]]] = equal == 0 and between[_COMPARABLE] and not between[_EQUAL]
    if not mean[_COMPARABLE]:
        start = _AT["free text in common: content"]
        out[start] = mean[_CONTENT_AT] @ _CONTENT_SHARE
        out[start + 1 : start + 1 + len(_GRADED)] = mean[_GRADED_AT]
    start = _AT[f"others: {_OTHERS[0]}"]
    for other in others:
        out[start] += (other.final.kind == "none") / len(others)
        out[start + 1] += (other.final.kind not in EXACT) / len(others)
        out[start + 2 : start + 2 + len(STATISTICS)] += other.statistics / len(others)
    ability = float(np.mean(evidence.abilities)) if len(evidence.abilities) else 0.0
    start = _AT[_ABILITY[1]]
    out[start : start + 4] = (
        (1.0 - mean[_COMPARABLE]) * ability,
        equal * ability,
        unequal * ability,
        unequal * evidence.ability,
    )
    return equal, unequal


def _prompt(
    out: FloatArray, prompt: tuple[float, float] | None, asked: int, equal: float, unequal: float
) -> None:
    start = _AT[_PROMPT[0]]
    if prompt is None:
        out[start] = 1.0
        return
    local, cloud = prompt
    alone = 0.0 if asked else local
    out[start + 1 : start + 6] = local, cloud, alone, equal * local, unequal * local
