"""Judging a router on rows that nothing was fitted on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from router.text.features import Features
from router.types import FloatArray
from training.data.dataset import REFERENCE
from training.evaluate import metrics
from training.evaluate.constants import COST_STEPS, CPT_TARGETS, GOOD_SCORE
from training.evaluate.metrics import Interval
from training.fit.head import ability_name
from training.fit.heads import Fitted

_FIELDS = ("p_local", "p_cloud", "local", "cloud", "group", "source")


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Predictions beside known scores; arrays of shape (n,), `group` for the bootstrap."""

    p_local: FloatArray
    p_cloud: FloatArray
    local: FloatArray
    cloud: FloatArray
    group: Any
    source: Any

    @property
    def gain(self) -> FloatArray:
        """`p_cloud - p_local`."""
        return self.p_cloud - self.p_local

    def only(self, mask: Any) -> "Scored":
        """The rows for which `mask` is true."""
        return Scored(**{f: getattr(self, f)[mask] for f in _FIELDS})


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Metrics with intervals, over all rows and by source, and the rows themselves."""

    rows: int
    overall: dict[str, Interval]
    by_source: dict[str, dict[str, Interval]]
    table: list[dict[str, float]]
    scored: Scored

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON (without the rows)."""
        return {
            "rows": self.rows,
            "overall": {k: asdict(v) for k, v in self.overall.items()},
            "by_source": {
                s: {k: asdict(v) for k, v in m.items()} for s, m in self.by_source.items()
            },
            "table": self.table,
        }


def outcome_pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per prompt with outcomes on both tiers.

    Columns: prompt_id, group, source, local_model, cloud_model, local, cloud. Of many models per
    tier the reference model is taken, else the one with most rows in that source.
    """
    sides = {}
    for tier in ("local", "cloud"):
        mine = rows[rows["tier"] == tier].copy()
        count = mine.groupby(["source", "model"])["prompt_id"].transform("size")
        preferred = mine["model"].map(lambda m, t=tier: ability_name(t, m)) == REFERENCE[tier]
        mine["rank"] = count + preferred * len(rows)
        best = mine.sort_values(["rank", "model"], ascending=[False, True])
        best = best.drop_duplicates("prompt_id")
        sides[tier] = best.rename(columns={"score": tier, "model": f"{tier}_model"})
    local = sides["local"][["prompt_id", "group", "source", "local_model", "local"]]
    cloud = sides["cloud"][["prompt_id", "cloud_model", "cloud"]]
    return local.merge(cloud, on="prompt_id").reset_index(drop=True)


def scored_pairs(
    fitted: Fitted, features: Features, pairs: pd.DataFrame, position: Mapping[str, int]
) -> Scored:
    """Predict every row of `pairs` for its own pair of models."""
    p = np.zeros((2, len(pairs)))
    for _, part in pairs.groupby(["local_model", "cloud_model"]):
        local, cloud = part["local_model"].iloc[0], part["cloud_model"].iloc[0]
        at = part.index.to_numpy()
        names = {"local": ability_name("local", local), "cloud": ability_name("cloud", cloud)}
        where = part["prompt_id"].map(position).to_numpy()
        p[0, at], p[1, at] = fitted.predict(features.take(where), names)
    return Scored(
        p_local=p[0],
        p_cloud=p[1],
        local=pairs["local"].to_numpy(dtype="float64"),
        cloud=pairs["cloud"].to_numpy(dtype="float64"),
        group=pairs["group"].to_numpy(),
        source=pairs["source"].to_numpy(),
    )


def evaluate_pairs(
    fitted: Fitted,
    features: Features,
    pairs: pd.DataFrame,
    position: Mapping[str, int],
    threshold: float,
    *,
    seed: int = 0,
) -> Evaluation:
    """Evaluate a fit on prompts whose outcomes are known on both tiers."""
    return evaluate_scored(scored_pairs(fitted, features, pairs, position), threshold, seed=seed)


def evaluate_scored(scored: Scored, threshold: float, *, seed: int = 0) -> Evaluation:
    """Metrics with bootstrap intervals (whole groups, 200 rounds)."""
    if len(scored.gain) == 0:
        return Evaluation(rows=0, overall={}, by_source={}, table=[], scored=scored)
    by_source = {
        str(s): _measures(scored.only(scored.source == s), threshold, seed)
        for s in np.unique(scored.source)
    }
    return Evaluation(
        rows=len(scored.gain),
        overall=_measures(scored, threshold, seed),
        by_source=by_source,
        table=_cost_table(scored, threshold),
        scored=scored,
    )


def _measures(s: Scored, threshold: float, seed: int) -> dict[str, Interval]:
    rng = np.random.default_rng(seed)

    def interval(statistic: Any, *arrays: FloatArray) -> Interval:
        return metrics.bootstrap(statistic, *arrays, groups=s.group, rng=rng)

    ranking = (s.gain, s.local, s.cloud)
    measures = {"apgr": interval(metrics.apgr, *ranking)}
    for target in CPT_TARGETS:
        measures[f"cpt_{target * 100:.0f}"] = interval(
            lambda g, lo, c, t=target: metrics.cpt(g, lo, c, t), *ranking
        )
    measures["aiq"] = interval(metrics.aiq_of_ranking, *ranking)
    measures["cost_saved_at_95"] = interval(metrics.cost_saved, *ranking)
    measures["cloud_share"] = interval(lambda g: float(np.mean(g > threshold)), s.gain)
    for tier, p, y in (("local", s.p_local, s.local), ("cloud", s.p_cloud, s.cloud)):
        measures[f"brier_{tier}"] = interval(metrics.brier, p, y)
        measures[f"brier_skill_{tier}"] = interval(metrics.brier_skill, p, y)
        measures[f"ece_{tier}"] = interval(metrics.ece, p, y)
        measures[f"auc_{tier}"] = interval(
            lambda a, b: metrics.auc(a, (b >= GOOD_SCORE) * 1.0), p, y
        )
    return measures


def _cost_table(s: Scored, threshold: float) -> list[dict[str, float]]:
    """Quality at fixed cloud shares and at the model's own threshold."""
    c = metrics.curve(s.gain, s.local, s.cloud)
    n = len(s.gain)
    own = int(np.count_nonzero(s.gain > threshold))
    ranked = np.sort(s.gain)[::-1]
    steps = sorted({*(round(n * k / COST_STEPS) for k in range(COST_STEPS + 1)), own})
    return [
        {
            "cloud_share": float(c.share[k]),
            "threshold": float(ranked[min(k, n - 1)]) if k != own else threshold,
            "quality": float(c.quality[k]),
            "pgr": float(c.pgr[k]),
            "is_default": float(k == own),
        }
        for k in steps
    ]
