"""Outcomes of both tiers that nothing was fitted on, as an artifact keeps them for promises."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from router.text.features import Features
from router.types import FloatArray
from training.fit.design import take
from training.fit.heads import Fitted

_COLUMNS = ("z_local", "z_cloud", "local", "cloud")


@dataclass(frozen=True, kw_only=True)
class KnownOutcomes:
    """`array` (4, n): see `router.registry.artifact.OPTIONAL`. `about`: models, rows, sources."""

    array: FloatArray
    about: dict[str, Any]


def known_outcomes(
    fitted: Fitted, features: Features, pairs: pd.DataFrame, position: Mapping[str, int]
) -> KnownOutcomes | None:
    """What `fitted` says of `pairs` beside their outcomes, a row a group; None without any.

    `pairs`: as `training.evaluate.evaluation.outcome_pairs` makes them, of rows that `fitted` has
    not seen. Only the pair of models with most of them counts, as a promise is about one pair.
    """
    if pairs.empty:
        return None
    names = list(zip(pairs["local_model"], pairs["cloud_model"], strict=True))
    pair, _ = Counter(names).most_common(1)[0]
    mine = pairs[[name == pair for name in names]]
    at = mine["prompt_id"].map(position).to_numpy(dtype="int64")
    logits = fitted.heads.logits(take(features, at), np.zeros(2))
    frame = pd.DataFrame(
        {
            "group": mine["group"].to_numpy(),
            "z_local": logits[:, 0],
            "z_cloud": logits[:, 1],
            "local": mine["local"].to_numpy(dtype="float64"),
            "cloud": mine["cloud"].to_numpy(dtype="float64"),
        }
    )
    array = frame.groupby("group", sort=True)[list(_COLUMNS)].mean().to_numpy().T
    sources = {str(s): int(n) for s, n in mine["source"].value_counts().items()}
    about = {
        "local": str(pair[0]),
        "cloud": str(pair[1]),
        "rows": int(array.shape[1]),
        "sources": sources,
    }
    return KnownOutcomes(array=array, about=about)
