"""How good answers of a kind are: agreement and the champion, moved by labels, an intercept a kind.

Agreement tells which of two answers is the better one; whether answers of one kind are better than
those of another it knows only where the verifier has met both, and the champion only where it has
met such requests. Neither is taken at its word: how far kinds lie apart is between them in logits,
how good all are together is left to agreement, and labels move both. So a few labels move one
intercept a kind, and no weight.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from router.decide.heads import logit, sigmoid
from router.types import FloatArray
from training.fit.calibrate import shift_to
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
            score[at] = _shifted(score[at], float(score[at].mean()) + moves[cell])
    return soft.assign(score=score)


def _moves(
    said: pd.DataFrame, score: Mapping[tuple[str, str], float], kinds: Mapping[str, str]
) -> dict[tuple[str, str], float]:
    """(tier, kind) -> by how much labels move its mean."""
    about = list(zip(said["prompt_id"], said["tier"], strict=True))
    known = said[[one in score for one in about]]
    if known.empty:
        return {}
    told = [score[one] for one in zip(known["prompt_id"], known["tier"], strict=True)]
    known = known.assign(
        off=known["score"].to_numpy(dtype="float64") - told, kind=known["prompt_id"].map(kinds)
    )
    habit: dict[tuple[str, str], float] = {
        (str(tier), str(rater)): float(np.average(mine["off"], weights=mine["weight"]))
        for tier, mine_of in known.groupby("tier")
        for rater, mine in mine_of.groupby("rater")
        if rater
    }
    usual = [habit.get(one, 0.0) for one in zip(known["tier"], known["rater"], strict=True)]
    known = known.assign(sum=known["weight"] * (known["off"] - usual))
    return {
        (str(tier), str(kind)): float(mine["sum"].sum() / (mine["weight"].sum() + LEVEL_PRIOR))
        for tier, mine_of in known.groupby("tier")
        for kind, mine in mine_of.groupby("kind")
    }


def _shifted(p: FloatArray, mean: float) -> FloatArray:
    """`p` with a shift of all logits that gives it this mean."""
    z = logit(p, LEVEL_EDGE)
    return sigmoid(z + shift_to(z, min(max(mean, LEVEL_EDGE), 1 - LEVEL_EDGE)))
