"""What the verifier sees of tool calls: their own checks, and other models' calls beside them."""

from collections.abc import Sequence

import numpy as np

from router.answers.agreement import AGREEMENT
from router.answers.call_agreement import IN_COMMON
from router.answers.call_checks import CHECKS
from router.answers.reading import Reading
from router.types import FloatArray

_VOTES = ("both others agree", "one of two others agrees", "the others agree on other calls")
NAMES: tuple[str, ...] = (
    *(f"call: {c}" for c in CHECKS),
    *(f"calls in common: {c}" for c in IN_COMMON),
    "calls nothing, others call",
    "calls, others call nothing",
    *(f"calls: {v}" for v in _VOTES),
    "others' calls: valid",
    "others' calls: valid, ours not",
    "others' calls: values in the request",
    "calls agree, by ability of the others",
    "calls differ, by ability of the others",
    "calls differ, by own ability",
)
SIZE = len(NAMES)
_AT = {name: i for i, name in enumerate(NAMES)}
_CHECK = {name: i for i, name in enumerate(CHECKS)}
_COMMON = slice(AGREEMENT.index(IN_COMMON[0]), len(AGREEMENT))
_SHARED = {name: i for i, name in enumerate(IN_COMMON)}


def call_features(
    answer: Reading,
    others: Sequence[Reading],
    measures: Sequence[FloatArray],
    between: FloatArray | None,
    ability: float,
    abilities: Sequence[float],
) -> FloatArray:
    """The features named in NAMES, shape (SIZE,); all 0 where nobody calls nor was offered a tool.

    `measures`: agreement with each of `others`; `between`: of two others with each other.
    """
    out = np.zeros(SIZE)
    out[: len(CHECKS)] = answer.checks
    if not measures:
        return out
    shared = np.stack([m[_COMMON] for m in measures])
    if not shared.any():
        return out
    mean = shared.mean(axis=0)
    at = len(CHECKS)
    out[at : at + len(IN_COMMON)] = mean
    calls = bool(answer.final.calls)
    one_only = mean[_SHARED["one calls nothing"]]
    out[_AT["calls nothing, others call"]] = one_only * (not calls)
    out[_AT["calls, others call nothing"]] = one_only * calls
    agree = float(mean[_SHARED["equal calls"]] + mean[_SHARED["both call nothing"]])
    if between is not None:
        out[_AT["calls: both others agree"]] = agree == 1
        out[_AT["calls: one of two others agrees"]] = agree == 0.5
        they = between[_COMMON]
        they_agree = they[_SHARED["equal calls"]] or they[_SHARED["both call nothing"]]
        out[_AT["calls: the others agree on other calls"]] = bool(agree == 0 and they_agree)
    valid = float(np.mean([o.checks[_CHECK["valid"]] for o in others]))
    out[_AT["others' calls: valid"]] = valid
    out[_AT["others' calls: valid, ours not"]] = valid * (1 - answer.checks[_CHECK["valid"]])
    grounded = np.mean([o.checks[_CHECK["values in the request"]] for o in others])
    out[_AT["others' calls: values in the request"]] = grounded
    level = float(np.mean(abilities)) if len(abilities) else 0.0
    out[-3:] = agree * level, (1 - agree) * level, (1 - agree) * ability
    return out
