"""The quality benchmark: published protocols on real outcomes, beside simple baselines.

Works of the folder `--data`: MMLU and GSM8K with RouteLLM's pair, ZeroEval and MMLU-Pro with
Llama-3.1-8B. Groups (`qkey`) are never divided; a base is fitted on other works without any
group of the target.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.stats import t as student

from router.decide.heads import Heads
from router.errors import DataError, MissingExtra
from router.registry.artifact import Artifact
from router.types import FloatArray, IntArray
from training.bench.constants import (
    BASE_C,
    CALIBRATION_LABELS,
    CALIBRATION_SHARE,
    FOLDS,
    GSM8K_LABELS,
    MMLU_LABELS,
)
from training.bench.everyday import everyday_bench
from training.data.featurize import featurize
from training.data.readers import read
from training.data.splits import group_folds, group_sample, part_of
from training.evaluate import metrics
from training.evaluate.baselines import BASELINES, RoutingTask
from training.evaluate.constants import LEVEL
from training.fit.design import take
from training.fit.encoder import of_artifact, with_transformer
from training.fit.head import TIERS, Base
from training.fit.heads import Fitted
from training.pipelines.prompts import calibrated
from training.pipelines.training_set import TrainingSet

_MINILM = "sentence-transformers/all-MiniLM-L6-v2"
_ROUTER, _ROUTER_BASE, _ZERO = "router", "router with base", "router, 0 labels"


@dataclass(frozen=True, kw_only=True)
class Work:
    """A protocol: which rows, which pair of models, how many labels (None: grouped 5-fold)."""

    name: str
    source: str
    categories: str
    local: str
    cloud: str
    labels: int | None


_MIXTRAL, _LLAMA = "Mixtral-8x7B-Instruct-v0.1", "Meta-Llama-3.1-8B-Instruct"
WORKS = (
    Work(
        name="MMLU",
        source="RouteLLM",
        categories="mmlu:",
        local=_MIXTRAL,
        cloud="gpt-4-1106-preview",
        labels=MMLU_LABELS,
    ),
    Work(
        name="GSM8K",
        source="RouteLLM",
        categories="gsm8k",
        local=_MIXTRAL,
        cloud="gpt-4-1106-preview",
        labels=GSM8K_LABELS,
    ),
    Work(
        name="ZeroEval",
        source="ZeroEval",
        categories="",
        local=_LLAMA,
        cloud="claude-3-5-sonnet-20241022",
        labels=None,
    ),
    Work(
        name="MMLU-Pro",
        source="MMLU-Pro",
        categories="",
        local=_LLAMA,
        cloud="gpt-4o-2024-05-13",
        labels=None,
    ),
)


def load_training_set(data: Path, model: Artifact) -> TrainingSet:
    """Read the folder and compute features (kept on disk for the next run)."""
    known = TrainingSet.of(read(data), model)
    texts = known.data.prompts["prompt"].tolist()
    try:
        other = with_transformer(of_artifact(model), _MINILM).extractor()
        minilm = featurize(other, texts).embedding
    except MissingExtra:
        minilm = None
    return replace(known, minilm=minilm)


def works_in(rows: pd.DataFrame) -> list[Work]:
    """The known works that the data holds, then every other source that has both tiers.

    An unknown source is judged for its local and its cloud model with most outcomes.
    """
    known = [w for w in WORKS if {w.local, w.cloud} <= set(_rows_of(w, rows)["model"])]
    others = []
    for source, part in rows[~rows["source"].isin([w.source for w in WORKS])].groupby("source"):
        pair = [part.loc[part["tier"] == t, "model"].mode().tolist()[:1] for t in TIERS]
        if all(pair):
            others.append(
                Work(
                    name=str(source),
                    source=str(source),
                    categories="",
                    local=pair[0][0],
                    cloud=pair[1][0],
                    labels=None,
                )
            )
    if not known and not others:
        raise DataError("The data holds no source with outcomes on both tiers.")
    return known + others


def _rows_of(work: Work, rows: pd.DataFrame) -> pd.DataFrame:
    mine = rows["source"].eq(work.source) & rows["category"].str.startswith(work.categories)
    return rows[mine]


def task_of(work: Work, known: TrainingSet) -> tuple[RoutingTask, IntArray]:
    """The work's prompts with both outcomes, and their indices in `known.data.prompts`."""
    mine = _rows_of(work, known.data.rows)
    sides = [
        mine[mine["model"] == m].set_index("prompt_id")["score"] for m in (work.local, work.cloud)
    ]
    both = pd.concat(sides, axis=1, keys=["local", "cloud"], join="inner")
    at = both.index.map(known.position).to_numpy()
    part = known.data.prompts.iloc[at]
    task = RoutingTask(
        name=work.name,
        prompts=part["prompt"].tolist(),
        features=take(known.features, at),
        local=both["local"].to_numpy(dtype="float64"),
        cloud=both["cloud"].to_numpy(dtype="float64"),
        group=part["group"].to_numpy(),
        minilm=None if known.minilm is None else known.minilm[at],
    )
    return task, at


def base_for(work: Work, known: TrainingSet) -> Base | None:
    """A base fitted on the other works, without any group that the target holds."""
    rows = known.data.rows
    taken = rows["group"].isin(_rows_of(work, rows)["group"].unique())
    other = rows[~taken & ~rows["category"].str.startswith("mt_bench")]
    if other["tier"].nunique() < len(TIERS):
        return None
    return known.fit(other, strength=BASE_C).as_base()


def _splits(work: Work, task: RoutingTask, seed: int) -> Iterator[tuple[IntArray, IntArray]]:
    """(train, test) of one seed: a sample of labels and the rest, or five grouped folds."""
    rng = np.random.default_rng(seed)
    if work.labels is not None:
        yield group_sample(task.group, work.labels, rng)
    else:
        yield from group_folds(task.group, FOLDS, rng)


def _run_seed(
    work: Work,
    known: TrainingSet,
    task: RoutingTask,
    at: IntArray,
    base: Base | None,
    seed: int,
) -> dict[str, dict[str, float]]:
    """Every method's measures for one seed, averaged over its folds."""
    sums: dict[str, list[dict[str, float]]] = {}
    for train, test in _splits(work, task, seed):
        rng = np.random.default_rng(seed)
        for name, baseline in BASELINES.items():
            if name.startswith("MiniLM") and task.minilm is None:
                continue
            gain = baseline(task, train, test, rng)
            sums.setdefault(name, []).append(_measures(gain, task, test))
        starts: dict[str, Base | None] = {_ROUTER: None}
        if base is not None:
            zero = _predict(base.heads, base.models, work, task, test)
            sums.setdefault(_ZERO, []).append(_measures(zero[1] - zero[0], task, test))
            starts[_ROUTER_BASE] = base
        for name, start in starts.items():
            p = fit_and_predict(work, known, task, at, train, test, start, seed)
            sums.setdefault(name, []).append(_measures(p[1] - p[0], task, test))
    return {name: mean_of(measures) for name, measures in sums.items()}


def mean_of(runs: list[dict[str, float]]) -> dict[str, float]:
    """The mean of every measure."""
    return {k: float(np.mean([r[k] for r in runs])) for k in runs[0]}


def fit_and_predict(
    work: Work,
    known: TrainingSet,
    task: RoutingTask,
    at: IntArray,
    train: IntArray,
    test: IntArray,
    base: Base | None,
    seed: int,
    *,
    calibration: float = 0.0,
) -> tuple[FloatArray, FloatArray]:
    """p_local and p_cloud on `test` of a fit on `train`; a share of it may only calibrate."""
    prompts = known.data.prompts.iloc[at[train]]
    shares = {"calibration": calibration, "fit": 1.0}
    part = prompts["group"].map(lambda g: part_of(f"{seed}:{g}", shares))
    rows = known.data.rows[known.data.rows["source"] == work.source]
    fitted = known.fit(
        rows[rows["prompt_id"].isin(prompts["prompt_id"][part == "fit"])],
        base=base,
        focus={"local": work.local, "cloud": work.cloud},
        seed=seed,
    )
    if calibration:
        held = rows["prompt_id"].isin(prompts["prompt_id"][part == "calibration"])
        pair = rows["model"].isin([work.local, work.cloud])
        fitted = calibrated(fitted, known.features, rows[held & pair], known.position)
    return _predict(fitted.heads, fitted.models, work, task, test)


def _predict(
    heads: Heads,
    models: Mapping[str, Mapping[str, float]],
    work: Work,
    task: RoutingTask,
    test: IntArray,
) -> tuple[FloatArray, FloatArray]:
    fitted = Fitted(heads, {t: dict(m) for t, m in models.items()}, {})
    return fitted.predict(take(task.features, test), {"local": work.local, "cloud": work.cloud})


def _measures(gain: FloatArray, task: RoutingTask, test: IntArray) -> dict[str, float]:
    local, cloud = task.local[test], task.cloud[test]
    return {
        "apgr": metrics.apgr(gain, local, cloud),
        "apgr_routellm": metrics.apgr_routellm(gain, local, cloud),
        "cpt_50": metrics.cpt(gain, local, cloud, 0.5),
        "cpt_80": metrics.cpt(gain, local, cloud, 0.8),
    }


def _calibration_after(
    work: Work,
    known: TrainingSet,
    task: RoutingTask,
    at: IntArray,
    base: Base | None,
    seed: int,
    labels: int = CALIBRATION_LABELS,
) -> dict[str, float]:
    """ECE and Brier skill of both heads after `labels` labels, a tenth only to calibrate."""
    rng = np.random.default_rng(seed)
    train, test = group_sample(task.group, min(labels, len(task.local) * 2 // 3), rng)
    p = fit_and_predict(
        work, known, task, at, train, test, base, seed, calibration=CALIBRATION_SHARE
    )
    out = {}
    for name, probability, y in (("local", p[0], task.local), ("cloud", p[1], task.cloud)):
        out[f"ece_{name}"] = metrics.ece(probability, y[test])
        # What a perfectly calibrated head would measure on so few rows.
        out[f"ece_floor_{name}"] = metrics.ece_floor(probability, rng)
        out[f"brier_skill_{name}"] = metrics.brier_skill(probability, y[test])
    return out


def bench(
    data: Path,
    model: Artifact,
    *,
    seeds: int,
    jobs: int,
    everyday: Path,
    progress: Callable[[str], None] = lambda step: None,
) -> dict[str, Any]:
    """All works and the everyday rows; plain values, ready for JSON."""
    progress("computing features")
    known = load_training_set(data, model)
    results: dict[str, Any] = {"seeds": seeds, "works": {}, "calibration": {}}
    for work in works_in(known.data.rows):
        progress(f"{work.name}: base from the other works")
        task, at = task_of(work, known)
        base = base_for(work, known)
        progress(f"{work.name}: {seeds} seeds of every method")
        runs = Parallel(n_jobs=jobs, max_nbytes="1M")(
            delayed(_run_seed)(work, known, task, at, base, s) for s in range(seeds)
        )
        results["works"][work.name] = {
            "rows": len(task.local),
            "methods": {m: summary([r[m] for r in runs]) for m in runs[0]},
        }
        calibrations = Parallel(n_jobs=jobs, max_nbytes="1M")(
            delayed(_calibration_after)(work, known, task, at, base, s) for s in range(seeds)
        )
        results["calibration"][work.name] = summary(calibrations)
    progress("everyday, unseen kinds")
    results["everyday"] = everyday_bench(everyday, model, seeds)
    return results


def summary(runs: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Mean over seeds with a t interval (the seeds share test rows, so it is a lower bound)."""
    out = {}
    for key in runs[0]:
        values = np.array([r[key] for r in runs])
        half = 0.0
        if len(values) > 1:
            half = float(
                student.ppf((1 + LEVEL) / 2, len(values) - 1)
                * values.std(ddof=1)
                / np.sqrt(len(values))
            )
        mean = float(values.mean())
        out[key] = {"value": mean, "low": mean - half, "high": mean + half}
    return out
