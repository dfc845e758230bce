"""What second opinions say once it is known how far the second model errs as the first does.

Anchors are answers with an opinion whose labels were drawn by lot: the audit's, and the judge's.
Of each pair of models they tell the copied share (`router.decide.dependence`), of all together how
much reading an answer says here, how much a second opinion adds, and the level. Without anchors
what the names of the models let expect stands, and reading counts as it does on a source that the
verifier never saw.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from router.decide.constants import COPIED_SHARES, STRANGE_DEVIATION, UNMEASURED_DEVIATION
from router.decide.dependence import copied_share, limited, pair_name, relation
from router.decide.heads import logit, sigmoid
from router.labels.label import Label
from router.labels.sources import EXPLICIT, SOURCES
from router.types import FloatArray
from training.data.log import OF_PAIR, Window
from training.fit.calibrate import shift_to
from training.fit.constants import FOLDS_PRIOR
from training.fit.head import TIERS
from training.fit.logistic import fit_logistic
from training.pipelines.constants import COPIED_TOLD, LEVEL_EDGE, READING_TRUST


@dataclass(frozen=True, kw_only=True)
class Independent:
    """A window whose opinions count as far as they are independent.

    `copied`: share of every pair, by `pair_name`, that anchors speak of. `words`: what was found.
    """

    window: Window
    copied: dict[str, float]
    words: tuple[str, ...]


def independent(
    window: Window, labels: Sequence[Label], drawn: Collection[str], known: Mapping[str, float]
) -> Independent:
    """`window` with opinions discounted and moved by `labels` of `drawn` decisions.

    `known`: copied shares found before, by `pair_name`.
    """
    soft = window.soft
    if soft.empty or not set(OF_PAIR) <= set(soft.columns):
        return Independent(window=window, copied={}, words=())
    said = {tier: _said(soft["decision"], labels, drawn, tier) for tier in TIERS}
    told = soft[OF_PAIR[0]].notna().to_numpy()
    of_pair = logit(soft[list(OF_PAIR)].to_numpy(dtype="float64"), LEVEL_EDGE)
    alone, together = of_pair[:, :2], of_pair[:, 2:].copy()
    models = list(zip(soft["local_model"], soft["second_model"], strict=True))
    copied: dict[str, float] = {}
    words = []
    for first, second in sorted(set(models)):
        mine = told & np.array([pair == (first, second) for pair in models])
        anchored = mine & np.isfinite(said["local"])
        wrong = 1 - said["local"][anchored]
        name = pair_name(first, second)
        expected = known.get(name, COPIED_SHARES[relation(first, second)])
        share = copied_share((together - alone)[anchored, 0], wrong, expected)
        together[mine] = limited(alone[mine], together[mine], share)
        if anchored.any():
            copied[name] = round(share, 4)
            words += _words(first, second, share, float(wrong.sum()))
    p = soft[["p_local", "p_cloud"]].to_numpy(dtype="float64", copy=True)
    claims = window.claims
    for i, tier in enumerate(TIERS) if told.any() else ():
        claimed = np.array([claims.get((d, tier), np.nan) for d in soft["decision"]])
        p[told, i] = _weighed(alone[told, i], together[told, i], said[tier][told], claimed[told])
    moved = soft.assign(p_local=p[:, 0], p_cloud=p[:, 1])
    return Independent(window=replace(window, soft=moved), copied=copied, words=tuple(words))


def _words(first: str, second: str, share: float, wrong: float) -> list[str]:
    if share < COPIED_TOLD:
        return []
    return [
        f"That {second} agrees with {first} counts as if it repeated {share:.0%} of the mistakes, "
        f"by {wrong:.0f} that are known."
    ]


def _said(
    decisions: "pd.Series[str]", labels: Sequence[Label], drawn: Collection[str], tier: str
) -> FloatArray:
    """What was said of the answers of `tier` to requests drawn by lot, 0..1, else NaN; (n,)."""
    scores = {
        one.decision: one.score
        for one in labels
        if one.tier == tier and SOURCES[one.source].rank <= EXPLICIT and one.decision in drawn
    }
    return np.array([scores.get(d, np.nan) for d in decisions], dtype=np.float64)


def _weighed(
    alone: FloatArray, together: FloatArray, said: FloatArray, claimed: FloatArray
) -> FloatArray:
    """Probabilities (n,) from logits of reading `alone`, and with an opinion `together`.

    Both parts weigh as what was `said` shows, NaN where nothing was, from READING_TRUST and 1 on.
    Their level is that of what the champion `claimed`, as far as its error is smaller than that of
    a verifier on a source that it never saw, until enough was said.
    """
    parts = np.column_stack([alone - alone.mean(), together - alone])
    start = np.array([READING_TRUST, 1.0])
    z = parts @ start
    shift = float(alone.mean())
    if np.isfinite(claimed).all():
        means = logit(np.array([claimed.mean(), sigmoid(z + shift).mean()]), LEVEL_EDGE)
        level = np.average(means, weights=[UNMEASURED_DEVIATION**-2, STRANGE_DEVIATION**-2])
        shift = shift_to(z, float(sigmoid(np.asarray(level))))
    known = np.isfinite(said)
    weights, shift = fit_logistic(
        parts[known],
        said[known],
        np.ones(int(known.sum())),
        1 / FOLDS_PRIOR,
        start=start,
        start_bias=shift,
        lower=np.zeros(2),
        bias_c=1 / FOLDS_PRIOR,
    )
    return sigmoid(parts @ weights + shift)
