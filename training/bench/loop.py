"""How fast the loop learns: labels against quality, agreement labels, a swapped model, exploration.

The default of every target is fitted on the other works, without any group of the target.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from router.decide.heads import logit, sigmoid
from router.decide.shift import fitted_shift
from router.registry.artifact import Artifact
from router.types import FloatArray, IntArray
from training.bench.constants import (
    BASE_C,
    CLOUD_SHARE,
    CURVE_LABELS,
    ENOUGH_ROWS,
    EXPLORED_SHARE,
    PROBES,
    ROUND_REQUESTS,
    SERVED_REQUESTS,
    TEST_FOLDS,
)
from training.bench.prompts import (
    Work,
    base_for,
    summary,
    task_of,
    works_in,
)
from training.data.readers import read
from training.data.splits import group_folds, group_sample
from training.evaluate import metrics
from training.evaluate.baselines import RoutingTask
from training.fit.head import TIERS, Base
from training.fit.heads import Fitted
from training.pipelines.prompts import Progress
from training.pipelines.training_set import TrainingSet

_SWAPPED = "gemma-2-2b-it"


@dataclass(frozen=True, kw_only=True)
class _Target:
    """A work with what its loops need."""

    work: Work
    task: RoutingTask
    at: IntArray
    base: Base
    rows: pd.DataFrame  # of the pair alone

    @classmethod
    def of(cls, work: Work, given: TrainingSet) -> "_Target | None":
        """None where there is nothing else to fit a default on."""
        task, at = task_of(work, given)
        base = base_for(work, given)
        if base is None:
            return None
        mine = given.data.rows["source"].eq(work.source)
        pair = given.data.rows["model"].isin([work.local, work.cloud])
        return cls(work=work, task=task, at=at, base=base, rows=given.data.rows[mine & pair])

    @property
    def pair(self) -> dict[str, str]:
        """Model by tier."""
        return {"local": self.work.local, "cloud": self.work.cloud}

    def fitted(self, given: TrainingSet, rows: pd.DataFrame) -> Fitted:
        """The default moved by labels; the default itself without any."""
        if rows.empty:
            return Fitted(self.base.heads, {t: dict(m) for t, m in self.base.models.items()}, {})
        return given.fit(rows, base=self.base)

    def measured(self, fitted: Fitted, test: IntArray) -> dict[str, float]:
        """Ranking and calibration on test rows."""
        p_local, p_cloud = fitted.predict(self.task.features.take(test), self.pair)
        local, cloud = self.task.local[test], self.task.cloud[test]
        gain = p_cloud - p_local
        quality = metrics.curve(gain, local, cloud).quality
        return {
            "apgr": metrics.apgr(gain, local, cloud),
            "brier_skill": metrics.brier_skill(p_local, local),
            "ece": metrics.ece(p_local, local),
            "quality": float(quality[round(CLOUD_SHARE * len(test))]),
        }


def _learning_curve(target: _Target, given: TrainingSet, seed: int) -> dict[str, float]:
    """Measures of one seed by number of labelled requests."""
    train, test = _split(target, seed)
    ids = given.data.prompts["prompt_id"].to_numpy()[target.at]
    out: dict[str, float] = {}
    for labels in CURVE_LABELS:
        known = train[:0]
        if labels:
            rng = np.random.default_rng(seed)
            known = train[group_sample(target.task.group[train], labels, rng)[0]]
        rows = target.rows[target.rows["prompt_id"].isin(ids[known])]
        for name, value in target.measured(target.fitted(given, rows), test).items():
            out[f"{labels} {name}"] = value
        # Paired by seed: whether labels ever make it worse than the default.
        out[f"{labels} apgr change"] = out[f"{labels} apgr"] - out["0 apgr"]
    return out


def _exploring(target: _Target, given: TrainingSet, seed: int) -> dict[str, float]:
    """Serve requests, label what was served, learn after every thousand; beside all labels."""
    train, test = _split(target, seed)
    rng = np.random.default_rng(seed)
    stream = rng.permutation(train)[:SERVED_REQUESTS]
    ids = given.data.prompts["prompt_id"].to_numpy()[target.at]
    known: list[pd.DataFrame] = []
    fitted = target.fitted(given, target.rows[:0])
    default = target.measured(fitted, test)
    by_id = {t: target.rows[target.rows["tier"] == t] for t in TIERS}
    for start in range(0, len(stream), ROUND_REQUESTS):
        part = stream[start : start + ROUND_REQUESTS]
        p_local, p_cloud = fitted.predict(target.task.features.take(part), target.pair)
        gain = p_cloud - p_local
        cloud = gain > np.quantile(gain, 1 - CLOUD_SHARE)
        cloud ^= rng.random(len(part)) < EXPLORED_SHARE
        for tier, chosen in zip(TIERS, (~cloud, cloud), strict=True):
            mine = by_id[tier]
            known.append(mine[mine["prompt_id"].isin(ids[part[chosen]])])
        fitted = target.fitted(given, pd.concat(known))
    rows = target.rows[target.rows["prompt_id"].isin(ids[stream])]
    full = target.measured(target.fitted(given, rows), test)
    loop = target.measured(fitted, test)
    out: dict[str, float] = {}
    for name in ("apgr", "quality", "brier_skill"):
        out |= {f"default {name}": default[name], f"loop {name}": loop[name]}
        out[f"full {name}"] = full[name]
    return out


def _swapped(target: _Target, given: TrainingSet, seed: int) -> dict[str, float] | None:
    """Calibration for a local model without one label of its own on the target's traffic.

    Everything is known of the other models; of the new one only PROBES graded prompts. Each kind
    of task (category) is the traffic once, the probes then come from the others; `like` probes come
    from the same kinds. `unmeasured`: with the ability that its size and generation suggest.
    """
    rows = given.data.rows
    mine = rows[(rows["model"] == _SWAPPED) & rows["source"].eq(target.work.source)]
    if mine["category"].nunique() < len(TIERS):
        return None
    rng = np.random.default_rng(seed)
    groups = mine["group"].to_numpy()
    train, test = next(group_folds(groups, TEST_FOLDS, rng))
    others = rows[
        (rows["model"] != _SWAPPED)
        & ~rows["group"].isin(groups[test])
        & ~rows["category"].str.startswith("mt_bench")
    ]
    fitted = given.fit(others, strength=BASE_C)
    at = mine["prompt_id"].map(given.position).to_numpy()
    z = logit(_p_local(fitted, given, at), edge=1e-6)
    score, kind = mine["score"].to_numpy(dtype="float64"), mine["category"].to_numpy()
    like = rng.permutation(train)[:PROBES]
    found: dict[str, list[float]] = {"unmeasured": [], "probes": [], "floor": []}
    for category in np.unique(kind):
        here, probes = test[kind[test] == category], train[kind[train] != category]
        probes = rng.permutation(probes)[:PROBES]
        moved = sigmoid(z[here] + fitted_shift(z[probes], score[probes]))
        found["unmeasured"].append(metrics.ece(sigmoid(z[here]), score[here]))
        found["probes"].append(metrics.ece(moved, score[here]))
        found["floor"].append(metrics.ece_floor(moved, rng))
    moved = sigmoid(z[test] + fitted_shift(z[like], score[like]))
    return {
        **{f"ece, {name}": float(np.mean(values)) for name, values in found.items()},
        "ece, unmeasured, all kinds": metrics.ece(sigmoid(z[test]), score[test]),
        "ece, probes, all kinds": metrics.ece(moved, score[test]),
        "ece, floor, all kinds": metrics.ece_floor(moved, rng),
        "brier skill, all kinds": metrics.brier_skill(moved, score[test]),
    }


def loop_bench(
    data: Path, model: Artifact, *, seeds: int, jobs: int, progress: Progress = lambda step: None
) -> dict[str, Any]:
    """All targets; plain values, ready for JSON."""
    progress("computing features")
    given = TrainingSet.of(read(data), model)
    out: dict[str, Any] = {"seeds": seeds, "curve": {}, "exploring": {}, "swapped": {}}
    for work in works_in(given.data.rows):
        progress(f"{work.name}: default from the other works")
        target = _Target.of(work, given)
        if target is None:
            continue
        parts: list[tuple[str, Any]] = [("curve", _learning_curve), ("swapped", _swapped)]
        if len(target.task.local) > SERVED_REQUESTS * ENOUGH_ROWS:
            parts.append(("exploring", _exploring))
        for name, run in parts:
            progress(f"{work.name}: {name}")
            runs = Parallel(n_jobs=jobs, max_nbytes="1M")(
                delayed(run)(target, given, s) for s in range(seeds)
            )
            if runs[0] is not None:
                out[name][work.name] = summary(runs)
    return out


def _split(target: _Target, seed: int) -> tuple[IntArray, IntArray]:
    return next(group_folds(target.task.group, TEST_FOLDS, np.random.default_rng(seed)))


def _p_local(fitted: Fitted, given: TrainingSet, at: IntArray) -> FloatArray:
    return fitted.predict(given.features.take(at), {"local": _SWAPPED, "cloud": ""})[0]
