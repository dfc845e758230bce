"""Everyday rows: can unseen kinds of work be told apart, and can length alone?"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from router.registry.artifact import Artifact
from training.bench.constants import FOLDS
from training.data.everyday import canonical, prompt_id
from training.data.featurize import featurize
from training.data.readers import read_table
from training.data.splits import group_folds
from training.evaluate import metrics
from training.fit.encoder import of_artifact
from training.fit.heads import fit_heads


def graded(folder: Path) -> pd.DataFrame:
    """All graded prompts of a folder, with their ids."""
    frames = [read_table(f) for f in sorted(folder.glob("*.jsonl"))]
    table = pd.concat(frames, ignore_index=True)
    return table.assign(prompt_id=[prompt_id(p) for p in table["prompt"]])


def everyday_bench(folder: Path, model: Artifact, seeds: int) -> dict[str, Any]:
    """AUC of the gain for `needs_cloud` on kinds that the fit never saw (grouped 5-fold)."""
    table = graded(folder)
    extractor = of_artifact(model).extractor()
    features = featurize(extractor, table["prompt"].tolist(), cache=False)
    position = {p: i for i, p in enumerate(table["prompt_id"])}
    needs = table["needs_cloud"].to_numpy(dtype="float64")
    lengths = table["prompt"].str.len().to_numpy(dtype="float64")
    kinds, written = table["kind"].to_numpy(), (table["origin"] == "written").to_numpy()
    values: dict[str, list[float]] = {"mean of folds": [], "pooled": [], "pooled, written": []}
    for seed in range(seeds):
        gain = np.zeros(len(table))
        folds = []
        for train, test in group_folds(kinds, FOLDS, np.random.default_rng(seed)):
            rows = canonical(table.iloc[train], "everyday")
            fitted = fit_heads(features, rows, position, len(extractor.tokens))
            p_local, p_cloud = fitted.predict(features.take(test))
            gain[test] = p_cloud - p_local
            folds.append(metrics.auc(gain[test], needs[test]))
        values["mean of folds"].append(float(np.mean(folds)))
        values["pooled"].append(metrics.auc(gain, needs))
        values["pooled, written"].append(metrics.auc(gain[written], needs[written]))
    return {
        "rows": len(table),
        "kinds": int(table["kind"].nunique()),
        "auc": {
            k: {"value": float(np.mean(v)), "low": min(v), "high": max(v)}
            for k, v in values.items()
        },
        "auc_length": metrics.auc(lengths, needs),
    }
