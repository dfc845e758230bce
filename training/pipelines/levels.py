"""How good answers of a kind are: agreement and the champion, moved by labels, an intercept a kind.

Agreement tells which of two answers is the better one; whether answers of one kind are better than
those of another it knows only where the verifier has met both, and the champion only where it has
met such requests. Neither is taken at its word: how far kinds lie apart is between them in logits,
how good all are together is left to agreement, and labels move both. So a few labels move one
intercept a kind, and no weight.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from router.decide.heads import logit, sigmoid
from router.types import FloatArray
from training.fit.calibrate import shift_to, shift_to_ratings
from training.pipelines.constants import LEVEL_EDGE, LEVEL_PRIOR, LEVEL_SHARE


def levelled(
    soft: pd.DataFrame,
    expected: Mapping[tuple[str, str], float],
    kinds: Mapping[str, str],
    said: pd.DataFrame,
) -> pd.DataFrame:
    """`soft` rows (canonical) with the level of every tier and kind moved.

    `expected`: (prompt_id, tier) -> what the champion expects, 0..1; `kinds`: prompt_id -> kind.
    `said`: labels (prompt_id, tier, score, weight, rater); of a named rater they tell which kinds
    are better than others, of nobody's choosing (rater "") also how good they are.
    """
    if soft.empty:
        return soft
    score = soft["score"].to_numpy(dtype="float64").copy()
    tier, kind = soft["tier"].to_numpy(), soft["prompt_id"].map(kinds).to_numpy()
    about = list(zip(soft["prompt_id"], soft["tier"], strict=True))
    champion = np.array([expected[one] for one in about])
    cells = [(t, k) for t in np.unique(tier) for k in np.unique(kind)]
    rows = {cell: np.flatnonzero((tier == cell[0]) & (kind == cell[1])) for cell in cells}
    for at in rows.values():
        if len(at):
            means = np.array([champion[at].mean(), score[at].mean()])
            middle = logit(means, LEVEL_EDGE) @ [LEVEL_SHARE, 1 - LEVEL_SHARE]
            score[at] = _shifted(score[at], float(sigmoid(middle)))
    for one in np.unique(tier):
        mine = tier == one
        score[mine] = _shifted(score[mine], float(soft["score"].to_numpy()[mine].mean()))
    moves = _moves(said, dict(zip(about, score, strict=True)), kinds)
    for cell, at in rows.items():
        if len(at) and cell in moves:
            score[at] = sigmoid(logit(score[at], LEVEL_EDGE) + moves[cell])
    return soft.assign(score=score)


def as_expected_of(said: pd.DataFrame, score: FloatArray) -> FloatArray:
    """What to expect of each of the ratings `said` (tier, score, weight, rater), from probabilities
    `score` (n,) of the answers, and from how strict their raters are: a shift of logits a tier and
    rater, none for answers that nobody chose (rater "").

    How much readier somebody is to rate bad answers shifts the logits alone (Prentice and Pyke
    1979); a difference of means would grow with the level, and pull good kinds down to bad ones.
    """
    z = logit(score, LEVEL_EDGE)
    given, weight = (said[c].to_numpy(dtype="float64") for c in ("score", "weight"))
    groups: Mapping[Any, Any] = said.groupby(["tier", "rater"]).indices
    for (_, rater), mine in groups.items():
        if rater:
            z[mine] += shift_to_ratings(z[mine], given[mine], weight[mine])
    return sigmoid(z)


def _moves(
    said: pd.DataFrame, score: Mapping[tuple[str, str], float], kinds: Mapping[str, str]
) -> dict[tuple[str, str], float]:
    """(tier, kind) -> by how much labels move its logits.

    A step of Newton's, shrunk as far as the kinds differ by no more than chance would let them
    (empirical Bayes, DerSimonian and Laird 1986): some dozens of labels move none, hundreds do.
    """
    about = list(zip(said["prompt_id"], said["tier"], strict=True))
    known = said[[one in score for one in about]]
    if known.empty:
        return {}
    told = np.array([score[one] for one in zip(known["prompt_id"], known["tier"], strict=True)])
    expected = as_expected_of(known, told)
    weight = known["weight"].to_numpy(dtype="float64")
    cells = (
        known.assign(
            kind=known["prompt_id"].map(kinds),
            off=weight * (known["score"].to_numpy(dtype="float64") - expected),
            told=weight * expected * (1 - expected),
        )
        .groupby(["tier", "kind"])[["off", "told"]]
        .sum()
    )
    off, sure = cells["off"].to_numpy(), cells["told"].to_numpy()
    beyond_chance = float((off**2 / sure).sum()) - len(cells)
    variance = max(beyond_chance, 0.0) / (sure.sum() + LEVEL_PRIOR)
    moved = off * variance / (sure * variance + 1)
    return {(str(t), str(k)): float(m) for (t, k), m in zip(cells.index, moved, strict=True)}


def _shifted(p: FloatArray, mean: float) -> FloatArray:
    """`p` with a shift of all logits that gives it this mean."""
    z = logit(p, LEVEL_EDGE)
    return sigmoid(z + shift_to(z, min(max(mean, LEVEL_EDGE), 1 - LEVEL_EDGE)))
