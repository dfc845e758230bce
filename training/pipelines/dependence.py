"""What second opinions say once it is known how far the second model errs as the first does.

Anchors are answers with an opinion whose labels were drawn by lot: the audit's, and the judge's.
Of each pair of models they tell the copied share (`router.decide.dependence`), of all pairs
together slope and level of what agreement says. Without anchors what the names of the models let
expect stands.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from router.decide.constants import COPIED_SHARES
from router.decide.dependence import copied_share, limited, pair_name, relation
from router.decide.heads import sigmoid
from router.labels.label import Label
from router.labels.sources import EXPLICIT, SOURCES
from router.types import FloatArray
from training.data.log import OF_PAIR, Window
from training.fit.calibrate import platt
from training.fit.constants import FOLDS_PRIOR
from training.fit.head import TIERS
from training.pipelines.constants import COPIED_TOLD


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
    logits = _logit(soft[["p_local", "p_cloud"]].to_numpy(dtype="float64"))
    of_pair = _logit(soft[list(OF_PAIR)].to_numpy(dtype="float64"))
    alone, strangers = of_pair[:, :2], of_pair[:, 2:]
    models = list(zip(soft["local_model"], soft["second_model"], strict=True))
    copied: dict[str, float] = {}
    words = []
    for first, second in sorted(set(models)):
        mine = np.array([pair == (first, second) for pair in models]) & np.isfinite(alone[:, 0])
        told = mine & np.isfinite(said["local"])
        wrong = 1 - said["local"][told]
        name = pair_name(first, second)
        expected = known.get(name, COPIED_SHARES[relation(first, second)])
        share = copied_share((strangers - alone)[told, 0], wrong, expected)
        logits[mine] = limited(alone[mine], strangers[mine], share)
        if not told.any():
            continue
        copied[name] = round(share, 4)
        if share >= COPIED_TOLD:
            words.append(
                f"{second} repeats about {share:.0%} of the mistakes of {first} "
                f"({wrong.sum():.0f} known), so that they agree counts less."
            )
    p = np.column_stack([_placed(logits[:, i], said[tier]) for i, tier in enumerate(TIERS)])
    moved = soft.assign(p_local=p[:, 0], p_cloud=p[:, 1])
    return Independent(window=replace(window, soft=moved), copied=copied, words=tuple(words))


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


def _placed(logit: FloatArray, said: FloatArray) -> FloatArray:
    """Probabilities of `logit`, with slope and level moved by what was `said`, NaN: nothing."""
    told = np.isfinite(said)
    slope, shift = platt(logit[told], said[told], np.ones(int(told.sum())), FOLDS_PRIOR)
    return sigmoid(slope * logit + shift)


def _logit(p: FloatArray) -> FloatArray:
    q = np.clip(p, 1e-4, 1 - 1e-4)
    logit: FloatArray = np.log(q / (1 - q))
    return logit
