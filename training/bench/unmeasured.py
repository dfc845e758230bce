"""What a local model that nobody measured costs: each one left out of the known abilities.

For every source and local model, beside the cloud model with most outcomes there: how good its
answers are and are predicted to be, and at the default cut, with and without the burden of proof,
how many right answers leave (they should not) and how many wrong ones that the cloud gets right
(they should).
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from router.decide.router import Router
from router.registry.ability import normalised
from router.registry.artifact import Artifact
from router.threshold import CONFIDENCE
from training.bench.constants import UNMEASURED_ROWS
from training.data.dataset import Dataset
from training.data.readers import read
from training.evaluate.constants import GOOD_SCORE

_ESTIMATE = 0.5  # the confidence that asks for no more than the estimate itself


def run_unmeasured(data: Path, model: Artifact, seed: int = 0) -> list[dict[str, Any]]:
    """One row per source and local model; shares of requests, 0..1."""
    rows = read(data).rows
    out = []
    for source, part in rows.groupby("source"):
        cloud = part[part["tier"] == "cloud"]
        if cloud.empty:
            continue
        asked = cloud["model"].mode().iloc[0]
        known = cloud[cloud["model"] == asked].drop_duplicates("prompt_id")
        scores = known.set_index("prompt_id")["score"]
        for name, mine in part[part["tier"] == "local"].groupby("model"):
            both = mine.drop_duplicates("prompt_id")
            both = both[both["prompt_id"].isin(scores.index)]
            if both.empty:
                continue
            if len(both) > UNMEASURED_ROWS:
                both = both.sample(UNMEASURED_ROWS, random_state=seed)
            found = _sent(without(model, str(name)), str(name), both, scores)
            out.append({"source": source, "model": name, "rows": len(both), **found})
    return out


def without(model: Artifact, name: str) -> Artifact:
    """`model` as if it had never seen a local model."""
    models = model.manifest["models"]
    others = {k: v for k, v in models["local"].items() if normalised(k) != normalised(name)}
    return replace(model, manifest={**model.manifest, "models": {**models, "local": others}})


def _sent(
    model: Artifact, name: str, rows: pd.DataFrame, cloud: "pd.Series[float]"
) -> dict[str, float]:
    right = rows["score"].to_numpy() >= GOOD_SCORE
    worth = ~right & (cloud.loc[rows["prompt_id"]].to_numpy() >= GOOD_SCORE)
    out = {"right": float(right.mean())}
    requests = Dataset(rows).requests  # in the order of `rows`, which has each prompt once
    for words, confidence in (("estimate", _ESTIMATE), ("burden", CONFIDENCE)):
        router = Router(model, local_model=name, confidence=confidence)
        decided = router.decide_batch(requests)
        leaves = np.array([one.tier == "cloud" for one in decided])
        out["predicted"] = float(np.mean([one.p_local for one in decided]))
        out[f"right sent, {words}"] = float(leaves[right].mean()) if right.any() else np.nan
        out[f"wrong sent, {words}"] = float(leaves[worth].mean()) if worth.any() else np.nan
    return out
