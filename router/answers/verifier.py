"""The verifier: P(local answer is good | the answer, whether other local models agree, the prompt).

Agreement of models stands in for a judge (agreement-based cascading, arXiv 2407.02348; semantic
agreement, arXiv 2509.21837). Two logistic heads on the features named in NAMES, in the form of the
prompt classifier: what models disagree on is hard, so the cloud's probability moves as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.answers.agreement import MEASURES, agreement
from router.answers.call_features import NAMES as CALL_FEATURES
from router.answers.call_features import call_features
from router.answers.constants import CONTENT_SHARES, LEAST_RELIABLE, MAX_OPINIONS, Z_LIMIT
from router.answers.final import EXACT, KINDS
from router.answers.reading import STATISTICS, Reading
from router.text.asks import ASKS
from router.types import FloatArray

SCHEMA = 1  # raise when the meaning of any feature changes

_FORM = ("form as asked", "form not as asked")
_COUNT = ("one other opinion", "two other opinions")
_VOTES = (
    "both others agree",
    "one of two others agrees",
    "the others agree on another answer",
    "all three differ",
)
_GRADED = ("numbers", "numbers known", "names", "names known")
_OTHERS = ("no answer", "free text", "length", "cut off", "refusal", "hedging")
_ABILITY = (
    "ability of the local model",
    "ability of the others",
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
    *_ABILITY,
    *_PROMPT,
    *CALL_FEATURES,
)
SIZE = len(NAMES)
ARRAYS = {"weights": ("2", "f"), "bias": ("2",), "mean": ("f",), "scale": ("f",)}

_CALLS = SIZE - len(CALL_FEATURES)
_SUITS = {
    "choice": {"choice"},
    "number": {"number"},
    "data": {"data", "call"},
    "code": {"code"},
}
_AT = {name: i for i, name in enumerate(NAMES)}
_STATISTIC = {name: i for i, name in enumerate(STATISTICS)}
_MEASURE = {name: i for i, name in enumerate(MEASURES)}
_EQUAL, _COMPARABLE = _MEASURE["equal"], _MEASURE["comparable"]
# Free text has no final answer to compare; its content is a blend of three measures.
_CONTENT_AT = [_MEASURE[c] for c in CONTENT_SHARES]
_CONTENT_SHARE = np.array([*CONTENT_SHARES.values()])
_GRADED_AT = [_MEASURE[g] for g in _GRADED]
# Of free text these say the same in any domain. Its length does not: where answers are exams',
# long ones belong to hard questions, elsewhere to thorough answers.
_FREE = np.isin(
    STATISTICS,
    (
        "text unknown",
        "very short",
        "cut off",
        "refusal",
        "hedging",
        "second thoughts",
        "repetition",
        "token probability unknown",
        "mean token log-probability",
        "lowest token log-probability",
    ),
)
_OTHER_AT = [_STATISTIC[s] for s in ("length of the answer", "cut off", "refusal", "hedging")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known when an answer is judged.

    `others`: readings of at most two other local answers, in any order. `asks`: see
    `router.text.asks`.
    `ability`, `abilities`: ability terms of the local model and of the others, in logits.
    `prompt`: logits of p_local and p_cloud given the prompt alone, None where unknown. `unheard`:
    others that were left out, as they only refuse as the answer does.
    """

    answer: Reading
    others: Sequence[Reading] = ()
    asks: str = "text"
    ability: float = 0.0
    abilities: Sequence[float] = ()
    prompt: tuple[float, float] | None = None
    unheard: int = 0


def heard(answer: Reading, others: Sequence[Reading]) -> list[int]:
    """Indices of the other answers that say something: that two refuse alike is no agreement."""
    return [i for i, other in enumerate(others) if not (answer.refuses and other.refuses)]


@dataclass(frozen=True, slots=True)
class Verifier:
    """Weights of both heads; row 0 is local, row 1 is cloud. f = SIZE.

    `weights` (2, f), `bias` (2,), `mean` and `scale` (f,) standardise the features.
    """

    weights: NDArray[Any]
    bias: NDArray[Any]
    mean: NDArray[Any]
    scale: NDArray[Any]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Verifier":
        """Pick the verifier's arrays out of an artifact's."""
        return cls(**{name: arrays[name] for name in ARRAYS})

    def logits(self, rows: FloatArray) -> FloatArray:
        """Calibrated logits of p_local and p_cloud, shape (n, 2), of feature `rows` (n, f)."""
        out: FloatArray = self.standardised(rows) @ self.weights.T + self.bias
        return out

    def standardised(self, rows: FloatArray) -> FloatArray:
        """Features as z-scores, limited to ±4."""
        z = (rows - self.mean) / self.scale
        limited: FloatArray = np.minimum(np.maximum(z, -Z_LIMIT), Z_LIMIT)
        return limited


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
    exact = kind in EXACT
    out[_AT[f"answer is {kind}"]] = 1.0
    out[_AT[f"asked for {evidence.asks}"]] = 1.0
    if suits := _SUITS.get(evidence.asks):
        out[_AT[_FORM[0]] + (kind not in suits)] = 1.0
    start = _AT[STATISTICS[0]]
    out[start : start + len(STATISTICS)] = answer.statistics if exact else answer.statistics * _FREE
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
        if evidence.answer.final.kind in EXACT:
            out[start + 2 : start + 6] += other.statistics[_OTHER_AT] / len(others)
    ability = float(np.mean(evidence.abilities)) if len(evidence.abilities) else 0.0
    start = _AT[_ABILITY[1]]
    out[start : start + 4] = (
        ability,
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


def reliability_of(metrics: Mapping[str, Mapping[str, float]]) -> dict[int, float]:
    """Weight of an agreement label by the number of opinions behind it, 0.05..1.

    The Brier skill that the verifier's manifest records for that number: the share of the
    outcomes' variance that its probabilities account for on rows it was not fitted on.

    >>> reliability_of({"1 other opinions": {"brier_skill": 0.4}})
    {1: 0.4}
    """
    return {
        int(asked.split()[0]): float(np.clip(m["brier_skill"], LEAST_RELIABLE, 1.0))
        for asked, m in metrics.items()
    }
