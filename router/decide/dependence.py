"""How far a second model repeats the first one's mistakes, and what its agreement is then worth.

Models of one family, of one teacher or of one set of weights err alike, so that they agree says
less than that strangers do. One number a pair of models says how much, the copied share c: of the
first model's wrong answers those to which the second says what it would say of a right one. It is
the common cause beside the error rates of observers (Dawid and Skene 1979, "Maximum likelihood
estimation of observer error-rates using the EM algorithm", Applied Statistics 28), and the copying
of sources, which shared false values betray (Dong, Berti-Equille and Srivastava 2009, "Integrating
conflicting data: the role of source dependence", VLDB).

With t the logits that the second opinion adds to an answer, log f(seen | right) / f(seen | wrong),

    f'(seen | wrong) = (1 - c) f(seen | wrong) + c f(seen | right)
    t' = -log(c + (1 - c) exp(-t))

So agreement raises the odds at most 1/c times, however much is in common, while that two differ
stays evidence. Answers that are known to be wrong tell c: each is 1 - c + c exp(t) times as likely
as without copying.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from router.decide.constants import (
    COPIED_GRID,
    COPIED_SHARES,
    COPIED_STRENGTH,
    LEAST_ADDED,
    LEAST_COPIED,
    NAMES_REMEMBERED,
)
from router.registry.ability import normalised
from router.types import FloatArray

# Families, in which models are made by one maker on much the same text, or from its weights.
_FAMILY = re.compile(
    r"(?<![a-z])(?:code|tiny|open)?-?(llama|qwen|gemma|phi|deepseek|hermes|glm|granite|smollm|olmo"
    r"|falcon|yi|command|aya|exaone|gpt|nemotron|internlm"
    r"|mistral|mixtral|mathstral|ministral|codestral|qwq|vicuna|functionary)"
)
_ALSO = {
    **dict.fromkeys(("mixtral", "mathstral", "ministral", "codestral"), "mistral"),
    **dict.fromkeys(("vicuna", "functionary"), "llama"),
    "qwq": "qwen",
}
STRANGERS, FAMILY, TEACHER, SAME = "strangers", "one family", "one teacher", "one model"


@lru_cache(maxsize=NAMES_REMEMBERED)
def relation(first: str, second: str) -> str:
    """What the names of two models say of their kinship; a key of `COPIED_SHARES`.

    Two that share a family and more, as fine-tunes by one maker do, have one teacher.

    >>> relation("llama3.1:8b", "meta-llama/Meta-Llama-3.1-8B-Instruct")
    'one model'
    >>> relation("qwen2.5:7b", "qwq:32b"), relation("llama3.1:8b", "dolphin-mistral:7b")
    ('one family', 'strangers')
    """
    if normalised(first) == normalised(second):
        return SAME
    shared = _families(first) & _families(second)
    return (STRANGERS, FAMILY, TEACHER)[min(len(shared), 2)]


def _families(name: str) -> set[str]:
    return {_ALSO.get(f, f) for f in _FAMILY.findall(name.lower())}


@lru_cache(maxsize=NAMES_REMEMBERED)
def pair_name(first: str, second: str) -> str:
    """The key of a pair in a manifest: whose answer is judged, and whose opinion is heard."""
    return f"{normalised(first)} < {normalised(second)}"


@dataclass(frozen=True, slots=True)
class Dependence:
    """What is known of pairs of models: `measured`, by `pair_name`, and what names let expect."""

    measured: Mapping[str, float]

    def copied(self, first: str | None, second: str | None) -> float:
        """The copied share of a pair, 0..1; 0 for strangers whom nobody measured.

        The verifier was fitted on pairs of strangers, so of these it knows what agreement is worth.
        """
        if first is None or second is None:
            return 0.0
        known = self.measured.get(pair_name(first, second))
        if known is not None:
            return known
        kin = relation(first, second)
        return 0.0 if kin == STRANGERS else COPIED_SHARES[kin]


def limited(alone: FloatArray, together: FloatArray, copied: FloatArray | float) -> FloatArray:
    """Logits (n, 2) of both heads after a second opinion whose copied share is `copied` (n,).

    `alone`, `together` (n, 2): without that opinion, and as if it were a stranger's. What it says
    of the cloud's answer shrinks as what it says of the local one does.

    >>> agreed = np.array([[3.0, 3.0]])
    >>> limited(np.zeros((1, 2)), agreed, 0.0).tolist()
    [[3.0, 3.0]]
    >>> float(np.exp(limited(np.zeros((1, 2)), agreed, 0.5)[0, 0])).__round__(1)
    1.9
    """
    added = together - alone
    share = np.broadcast_to(np.asarray(copied, dtype=np.float64), (len(alone),))
    t = added[:, 0]
    with np.errstate(divide="ignore"):
        believed = -np.logaddexp(np.log(share), np.log1p(-share) - t)
    # Where it adds nothing to the local logit, the slope of t' at 0.
    some = np.abs(t) > LEAST_ADDED
    part = np.divide(believed, t, out=1.0 - share, where=some)
    out: FloatArray = alone + np.column_stack([np.where(some, believed, 0.0), part * added[:, 1]])
    return out


def copied_share(added: FloatArray, wrong: FloatArray, expected: float) -> float:
    """The copied share of a pair, 0..1, from answers of which it is known whether they are good.

    `added` (n,): logits that the opinion adds to the local answer, as of a stranger. `wrong` (n,):
    0..1, how much each is known to be wrong. `expected`: the mean of what is believed beforehand, a
    Beta distribution that weighs COPIED_STRENGTH wrong answers. Returns the posterior mean.

    >>> bad = np.ones(20)
    >>> copied_share(np.full(20, 2.0), bad, 0.03) > 0.8
    True
    >>> copied_share(np.full(20, -1.0), bad, 0.03) < 0.02
    True
    >>> round(copied_share(np.zeros(20), bad, 0.03), 2)
    0.03
    """
    from scipy.stats import beta  # here, as it is slow to load and serving does without

    edges = np.concatenate([[0.0], np.geomspace(LEAST_COPIED, 1.0, COPIED_GRID)])
    share = (edges[1:] + edges[:-1]) / 2
    cdf = beta.cdf(edges, expected * COPIED_STRENGTH, (1 - expected) * COPIED_STRENGTH)
    with np.errstate(divide="ignore"):
        logs = np.log(np.diff(cdf))
    logs = logs + wrong @ np.log1p(share[None, :] * np.expm1(added)[:, None])
    weight = np.exp(logs - logs.max())
    return float(weight @ share / weight.sum())
