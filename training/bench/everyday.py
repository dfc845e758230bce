"""Graded everyday prompts: are hard ones told apart in kinds and languages never seen?

Beside each figure of the router stands that of the prompt's length on the same rows: in characters,
and in English characters that say as much.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from router.registry.artifact import Artifact
from router.text.features import Features
from router.text.structure import NAMES
from router.types import FloatArray, IntArray
from training.bench.constants import FOLDS, LEAST_PROMPTS, RESAMPLES
from training.data.everyday import canonical, prompt_id
from training.data.featurize import featurize
from training.data.readers import read_table
from training.data.splits import group_folds
from training.evaluate import metrics
from training.evaluate.constants import LEVEL
from training.fit.encoder import of_artifact
from training.fit.heads import fit_heads

_FAIR_LENGTH = NAMES.index("text length")
Split = tuple[IntArray, IntArray]


def graded(folder: Path) -> pd.DataFrame:
    """All graded prompts of a folder, with their ids."""
    frames = [read_table(f) for f in sorted(folder.glob("*.jsonl"))]
    table = pd.concat(frames, ignore_index=True)
    return table.assign(prompt_id=[prompt_id(p) for p in table["prompt"]])


def everyday_bench(folder: Path, model: Artifact, seeds: int, jobs: int = 1) -> dict[str, Any]:
    """AUC of the gain for the grades' `needs_cloud`, on prompts written one by one.

    `unseen kinds`: grouped folds by kind. `languages`: of each with at least LEAST_PROMPTS, its
    prompts of kinds that the fit did not see, and with the whole language left out of the fit.
    """
    table = graded(folder)
    table = table[table["origin"] == "written"].reset_index(drop=True)
    extractor = of_artifact(model).extractor()
    features = featurize(extractor, table["prompt"].tolist(), cache=False)
    vocabulary = len(extractor.tokens)
    needs = table["needs_cloud"].to_numpy(dtype="float64")
    lengths = {
        "length": table["prompt"].str.len().to_numpy(dtype="float64"),
        "fair length": features.structure[:, _FAIR_LENGTH],
    }
    count = table["language"].value_counts()
    languages = [str(name) for name in count[count >= LEAST_PROMPTS].index]
    by_kind = [list(_by_kind(table, seed)) for seed in range(seeds)]
    left_out = [_without(table, language) for language in languages]
    plan = [one for folds in by_kind for one in folds] + left_out
    gains = iter(
        Parallel(n_jobs=jobs, max_nbytes="1M")(
            delayed(_gain)(features, table, vocabulary, one) for one in plan
        )
    )
    unseen = [_pooled(folds, gains, len(table)) for folds in by_kind]
    out = dict(zip(languages, gains, strict=True))
    rows = {}
    for language, (_, at) in zip(languages, left_out, strict=True):
        rows[language] = {
            "rows": len(at),
            "unseen kinds": auc_over([gain[at] for gain in unseen], needs[at]),
            "left out": auc_over([out[language]], needs[at]),
            **{name: metrics.auc(value[at], needs[at]) for name, value in lengths.items()},
        }
    return {
        "rows": len(table),
        "kinds": int(table["kind"].nunique()),
        "auc": auc_over(unseen, needs),
        **{f"auc_{name}": metrics.auc(value, needs) for name, value in lengths.items()},
        "languages": rows,
    }


def auc_over(gains: list[FloatArray], needs: FloatArray) -> dict[str, float]:
    """Mean AUC of several seeds' gains, with an interval over seeds and resampled questions."""
    rng = np.random.default_rng(0)
    each = metrics.resamples(np.arange(len(needs)), rng, RESAMPLES)
    drawn = [metrics.auc(gains[i % len(gains)][at], needs[at]) for i, at in enumerate(each)]
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    value = float(np.mean([metrics.auc(gain, needs) for gain in gains]))
    return {"value": value, "low": float(low), "high": float(high)}


def _by_kind(table: pd.DataFrame, seed: int) -> Iterator[Split]:
    return group_folds(table["kind"].to_numpy(), FOLDS, np.random.default_rng(seed))


def _without(table: pd.DataFrame, language: str) -> Split:
    mine = table["language"].to_numpy() == language
    return np.flatnonzero(~mine), np.flatnonzero(mine)


def _gain(features: Features, table: pd.DataFrame, vocabulary: int, split: Split) -> FloatArray:
    train, test = split
    position = {p: i for i, p in enumerate(table["prompt_id"])}
    fitted = fit_heads(features, canonical(table.iloc[train], "everyday"), position, vocabulary)
    p_local, p_cloud = fitted.predict(features.take(test))
    return p_cloud - p_local


def _pooled(folds: list[Split], gains: Iterator[FloatArray], rows: int) -> FloatArray:
    pooled = np.zeros(rows)
    for _, test in folds:
        pooled[test] = next(gains)
    return pooled
