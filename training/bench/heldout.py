"""Held-out predictions of every method beside what real models scored: numbers, no text."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from router.types import FloatArray, IntArray
from training.bench.constants import FOLDS
from training.bench.prompts import Work, fit_and_predict, task_of
from training.data.readers import read_table
from training.data.splits import group_folds
from training.evaluate.baselines import BASELINES, RoutingTask
from training.pipelines.training_set import TrainingSet

METHODS = ("prompt length", "kNN", "TF-IDF + logistic", "MiniLM + logistic")
_DIGITS = 4


def folds_of(known: TrainingSet, seed: int) -> IntArray:
    """The fold of every prompt, shape (n,); questions of one group share it in all sources."""
    out = np.zeros(len(known.data.prompts), dtype=np.int64)
    groups = known.data.prompts["group"].to_numpy()
    for fold, (_, test) in enumerate(group_folds(groups, FOLDS, np.random.default_rng(seed))):
        out[test] = fold
    return out


def heldout_rows(
    work: Work, known: TrainingSet, folds: IntArray, lengths: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """One row per prompt of a work: both scores, and what was predicted by fits without its fold.

    `lengths`: as `characters_in` reads them. A column per method holds its gain (the router's is
    `p_cloud - p_local`); MiniLM's is there if its embedding is.
    """
    task, at = task_of(work, known)
    prompts = known.data.prompts.iloc[at]
    out = pd.DataFrame(
        {
            "source": work.name,
            "fold": folds[at],
            "group": pd.factorize(prompts["group"])[0],
            "local_model": work.local,
            "cloud_model": work.cloud,
            "local": task.local,
            "cloud": task.cloud,
        }
    )
    mine = lengths[lengths["model"] == work.cloud].set_index("prompt_id")
    asked = prompts["prompt"].str.len().to_numpy() + _of(mine["tool_chars"], prompts, 0.0)
    out["prompt_chars"] = asked
    out["answer_chars"] = _of(mine["output_chars"], prompts, np.nan)
    for name, values in _predicted(work, known, task, at, folds[at], seed):
        out[name] = values.round(_DIGITS)
    floats = out.select_dtypes("float64").columns
    return out.astype({**dict.fromkeys(floats, "float32"), "fold": "int8", "group": "int32"})


def _predicted(
    work: Work, known: TrainingSet, task: RoutingTask, at: IntArray, fold: IntArray, seed: int
) -> Iterator[tuple[str, FloatArray]]:
    """Every predicted column, each from fits on the other folds."""
    names = [m for m in METHODS if not m.startswith("MiniLM") or task.minilm is not None]
    columns = {name: np.zeros(len(at)) for name in ("p_local", "p_cloud", *names)}
    for held in range(FOLDS):
        train, test = np.flatnonzero(fold != held), np.flatnonzero(fold == held)
        p = fit_and_predict(work, known, task, at, train, test, None, seed)
        columns["p_local"][test], columns["p_cloud"][test] = p
        for name in names:
            rng = np.random.default_rng(seed)
            columns[name][test] = BASELINES[name](task, train, test, rng)
    yield from columns.items()


def characters_in(folder: Path) -> pd.DataFrame:
    """prompt_id, model, output_chars (NaN where nobody recorded it) and tool_chars of a folder."""
    frames = []
    for path in sorted(folder.glob("*.outcomes.parquet")):
        frame = read_table(path)
        prompts = read_table(path.with_name(path.name.replace(".outcomes.", ".prompts.")))
        tools = prompts["tools"] if "tools" in prompts else pd.Series("", prompts.index)
        sizes = dict(zip(prompts["prompt_id"], tools.fillna("").str.len(), strict=True))
        frame["tool_chars"] = frame["prompt_id"].map(sizes)
        frames.append(frame.reindex(columns=_LENGTHS))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=_LENGTHS)


_LENGTHS = ["prompt_id", "model", "output_chars", "tool_chars"]


def _of(known: "pd.Series[float]", prompts: pd.DataFrame, otherwise: float) -> FloatArray:
    found = prompts["prompt_id"].map(known[~known.index.duplicated()])
    return found.astype("float64").fillna(otherwise).to_numpy()
