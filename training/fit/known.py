"""Outcomes of both tiers that nothing was fitted on, as an artifact keeps them for promises."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from router.text.features import Features
from router.types import FloatArray
from training.fit.constants import MOST_PAIRS
from training.fit.design import take
from training.fit.heads import Fitted

_COLUMNS = ["z_local", "z_cloud", "local", "cloud"]


@dataclass(frozen=True, kw_only=True)
class KnownOutcomes:
    """`array` (4, n): see `router.registry.artifact.OPTIONAL`. `about`: of each pair of models, in
    the order of their blocks in `array`, its names, rows and sources.
    """

    array: FloatArray
    about: list[dict[str, Any]]


def known_outcomes(
    fitted: Fitted, features: Features, rows: pd.DataFrame, position: Mapping[str, int]
) -> KnownOutcomes | None:
    """What `fitted` says of prompts beside their outcomes, a row a group and pair of models.

    `rows`: in the canonical form, of prompts that `fitted` has not seen; of very many pairs those
    with most outcomes count. None where no prompt has outcomes of both tiers.
    """
    sides = [rows[rows["tier"] == tier] for tier in ("local", "cloud")]
    cloud = sides[1][["prompt_id", "model", "score"]]
    both = sides[0].merge(cloud, on="prompt_id", suffixes=("_local", "_cloud"))
    if both.empty:
        return None
    at = both["prompt_id"].map(position).to_numpy(dtype="int64")
    logits = fitted.heads.logits(take(features, at), np.zeros(2))
    both["z_local"], both["z_cloud"] = logits.T
    both = both.rename(columns={"score_local": "local", "score_cloud": "cloud"})
    blocks, about = [], []
    pairs = both.groupby(["model_local", "model_cloud"])
    kept = pairs["group"].nunique().nlargest(MOST_PAIRS).index
    for (local, other), mine in pairs:
        if (local, other) not in kept:
            continue
        blocks.append(mine.groupby("group")[_COLUMNS].mean().to_numpy().T)
        sources = {str(s): int(n) for s, n in mine["source"].value_counts().sort_index().items()}
        pair = {"local": str(local), "cloud": str(other)}
        about.append({**pair, "rows": blocks[-1].shape[1], "sources": sources})
    return KnownOutcomes(array=np.concatenate(blocks, axis=1), about=about)
