"""A champion and its challenger on requests that came after those the challenger learned from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from router.registry import gates
from training.evaluate import metrics
from training.evaluate.evaluation import Scored
from training.evaluate.metrics import Interval
from training.fit.head import TIERS
from training.fit.heads import Fitted
from training.pipelines.constants import ROUNDS, SHARES
from training.pipelines.training_set import TrainingSet

MIN_TEST = gates.LATER_WEIGHT
FREE = "agreement"


@dataclass(frozen=True, kw_only=True)
class LabelledWindow:
    """Everything of a window in canonical rows, split by time."""

    known: TrainingSet
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
    p = [window.known.probabilities(f, rows) for f in (before, after)]
    loss = [(q - y) ** 2 for q in p]
    better = metrics.bootstrap(
        lambda a, b, v: float(np.average(a - b, weights=v)),
        loss[0],
        loss[1],
        w,
        groups=rows["group"].to_numpy(),
        rng=np.random.default_rng(seed),
        rounds=ROUNDS,
    )
    brier = (float(np.average(loss[0], weights=w)), float(np.average(loss[1], weights=w)))
    ece = (metrics.ece(p[0], y), metrics.ece(p[1], y))
    worse = 0.0
    if on == FREE and len(true) >= MIN_TEST:
        worse = _loss(window.known, after, true) - _loss(window.known, before, true)
    reasons = gates.on_later_requests(len(rows), on, better, len(true), worse)
    return BeforeAfter(on=on, rows=len(rows), better=better, brier=brier, ece=ece, reasons=reasons)


def _loss(known: TrainingSet, fitted: Fitted, rows: pd.DataFrame) -> float:
    p = known.probabilities(fitted, rows)
    return float(np.average((p - rows["score"]) ** 2, weights=rows["weight"]))


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
        p_local=window.known.probabilities(fitted, local),
        p_cloud=window.known.probabilities(fitted, cloud),
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
    for share in SHARES:
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
