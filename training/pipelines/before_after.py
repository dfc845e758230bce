"""A champion and its challenger on requests that came after those the challenger learned from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from router.registry import gates
from router.types import FloatArray
from training.data.dataset import REFERENCE
from training.evaluate import metrics
from training.evaluate.evaluation import Scored
from training.evaluate.metrics import Interval
from training.fit.design import take
from training.fit.head import TIERS
from training.fit.heads import Fitted
from training.pipelines.answers import Prompts

MIN_TEST = gates.LATER_WEIGHT
FREE = "agreement"
_SHARES = (0.1, 0.2, 0.3, 0.5)
_ROUNDS = 500


@dataclass(frozen=True, kw_only=True)
class LabelledWindow:
    """Everything of a window in canonical rows, split by time."""

    prompts: Prompts
    true: pd.DataFrame
    soft: pd.DataFrame
    early: Any  # ids of the requests to fit on
    late: Any

    def part(self, rows: pd.DataFrame, ids: Any) -> pd.DataFrame:
        """The rows of some requests."""
        return rows[rows["prompt_id"].isin(ids)]


@dataclass(frozen=True, kw_only=True)
class BeforeAfter:
    """Champion and challenger on later rows; see `training.pipelines.learn.Learned`."""

    on: str
    rows: int
    better: Interval
    brier: tuple[float, float]
    ece: tuple[float, float]
    reasons: tuple[str, ...]


def judged_later(window: LabelledWindow, before: Fitted, after: Fitted, seed: int) -> BeforeAfter:
    """Paired on the later rows: on labels where they weigh enough, else on agreement."""
    true = window.part(window.true, window.late)
    soft = window.part(window.soft, window.late)
    enough = float(true["weight"].sum()) >= MIN_TEST
    rows, on = (true, "labels") if enough else (soft, FREE)
    nothing = Interval(0.0, 0.0, 0.0)
    if rows["weight"].sum() < MIN_TEST / 5 or len(rows) < MIN_TEST:
        reason = f"only {len(rows)} later rows have a label, {MIN_TEST:.0f} are needed"
        return BeforeAfter(
            on=on,
            rows=len(rows),
            better=nothing,
            brier=(0.0, 0.0),
            ece=(0.0, 0.0),
            reasons=(reason,),
        )
    y, w = rows["score"].to_numpy(), rows["weight"].to_numpy()
    p = [_probabilities(window.prompts, f, rows) for f in (before, after)]
    loss = [(q - y) ** 2 for q in p]
    better = metrics.bootstrap(
        lambda a, b, v: float(np.average(a - b, weights=v)),
        loss[0],
        loss[1],
        w,
        groups=rows["group"].to_numpy(),
        rng=np.random.default_rng(seed),
        rounds=_ROUNDS,
    )
    brier = (float(np.average(loss[0], weights=w)), float(np.average(loss[1], weights=w)))
    ece = (metrics.ece(p[0], y), metrics.ece(p[1], y))
    worse = 0.0
    if on == FREE and len(true) >= MIN_TEST:
        worse = _loss(window.prompts, after, true) - _loss(window.prompts, before, true)
    reasons = gates.on_later_requests(len(rows), on, better, len(true), worse)
    return BeforeAfter(on=on, rows=len(rows), better=better, brier=brier, ece=ece, reasons=reasons)


def _loss(prompts: Prompts, fitted: Fitted, rows: pd.DataFrame) -> float:
    p = _probabilities(prompts, fitted, rows)
    return float(np.average((p - rows["score"]) ** 2, weights=rows["weight"]))


def _probabilities(prompts: Prompts, fitted: Fitted, rows: pd.DataFrame) -> FloatArray:
    """Of every row's own tier and model, shape (n,)."""
    out = np.zeros(len(rows))
    ids_of = rows["prompt_id"].map(prompts.position).to_numpy()
    names = list(zip(rows["tier"], rows["model"], strict=True))
    for tier, model in sorted(set(names)):
        at = np.flatnonzero([name == (tier, model) for name in names])
        ids = ids_of[at]
        pair = dict(zip(TIERS, _pair(tier, model), strict=True))
        p = fitted.predict(take(prompts.features, ids), pair)
        out[at] = p[TIERS.index(tier)]
    return out


def _pair(tier: str, model: str) -> tuple[str, str]:
    return (model, REFERENCE["cloud"]) if tier == "local" else (REFERENCE["local"], model)


def scored_late(window: LabelledWindow, fitted: Fitted) -> Scored | None:
    """Later requests with a label or an opinion for both tiers, labels before opinions."""
    rows = pd.concat([window.true, window.soft]).drop_duplicates(["prompt_id", "tier"])
    rows = window.part(rows, window.late)
    sides = [rows[rows["tier"] == t].set_index("prompt_id") for t in TIERS]
    both = sides[0].index.intersection(sides[1].index)
    if len(both) < MIN_TEST:
        return None
    local, cloud = (side.loc[both].reset_index() for side in sides)
    return Scored(
        p_local=_probabilities(window.prompts, fitted, local),
        p_cloud=_probabilities(window.prompts, fitted, cloud),
        local=local["score"].to_numpy(),
        cloud=cloud["score"].to_numpy(),
        group=local["group"].to_numpy(),
        source=local["source"].to_numpy(),
    )


def quality_curve(
    window: LabelledWindow, before: Fitted, after: Fitted, seed: int
) -> list[dict[str, Any]]:
    """Quality at equal shares of the cloud, before and after, with intervals."""
    old, new = scored_late(window, before), scored_late(window, after)
    if old is None or new is None:
        return []
    out = []
    for share in _SHARES:
        row: dict[str, Any] = {"share": share}
        for name, scored in (("before", old), ("after", new)):
            found = metrics.bootstrap(
                lambda g, lo, cl, s=share: float(
                    metrics.curve(g, lo, cl).quality[round(s * len(g))]
                ),
                scored.gain,
                scored.local,
                scored.cloud,
                groups=scored.group,
                rng=np.random.default_rng(seed),
            )
            row[name] = [found.value, found.low, found.high]
        out.append(row)
    return out
