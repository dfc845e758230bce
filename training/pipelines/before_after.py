"""A champion and the lessons that would replace it, on requests that came after those learned from.

Judged is what a person gets: the quality of the answers at equal cost, and at the lesson's own cut.
Only labels count whose selection is known: agreement, which covers requests whatever came of them,
and labels of requests that were drawn by lot. Where there are too few of both tiers, ratings judge
the order of answers within a key (`training.pipelines.rated_order`), and no level.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from router.monitor.constants import GAMMA
from router.registry import gates
from router.types import FloatArray
from training.data.columns import among
from training.evaluate import metrics
from training.evaluate.constants import LEVEL
from training.evaluate.evaluation import Scored
from training.evaluate.metrics import Interval
from training.fit.head import TIERS
from training.fit.heads import Fitted
from training.pipelines.constants import FEWEST_DAYS, ROUNDS, SHARES
from training.pipelines.lessons import Lesson
from training.pipelines.rated_order import order_gains
from training.pipelines.training_set import TrainingSet

FREE = "agreement"
RATINGS = "ratings, compared within a key"


@dataclass(frozen=True, kw_only=True)
class LabelledWindow:
    """Everything of a window in canonical rows, split by time.

    `drawn`: decisions labelled by lot; `rater`: decision -> whose label it is, "" if it was drawn
    by lot; `kind`, `session`, `day`: decision -> what it asks for, when it came.
    """

    known: TrainingSet
    true: pd.DataFrame
    soft: pd.DataFrame
    early: Any  # ids of the requests to fit on
    late: Any
    drawn: frozenset[str]
    rater: dict[str, str]
    kind: dict[str, str]
    session: dict[str, int]
    day: dict[str, int]

    def groupings(self, rows: pd.DataFrame) -> tuple[Any, ...]:
        """What hangs together in `rows`: prompts, sessions, and days where there are many."""
        session, day = (rows["prompt_id"].map(d).to_numpy() for d in (self.session, self.day))
        found = (rows["group"].to_numpy(), session)
        return (*found, day) if len(np.unique(day)) >= FEWEST_DAYS else found

    def part(self, rows: pd.DataFrame, ids: Any) -> pd.DataFrame:
        """The rows of some requests."""
        return rows[among(rows["prompt_id"], ids)]


@dataclass(frozen=True, kw_only=True)
class BeforeAfter:
    """Champion and the best lesson on later rows; see `training.pipelines.learn.Learned`.

    `audited`: answers drawn by lot beside agreement, of all times.
    """

    lesson: Lesson
    on: str
    rows: int
    equal: Interval
    own: Interval
    better: Interval
    brier: tuple[float, float]
    ece: tuple[float, float]
    audited: int
    reasons: tuple[str, ...]


_NOTHING = Interval(0.0, 0.0, 0.0)


def judged_later(
    window: LabelledWindow, before: Fitted, cut: float, lessons: Sequence[Lesson], seed: int
) -> BeforeAfter:
    """The first lesson that is surely better than the champion, paired on later rows.

    Where none is, that of highest quality. Intervals allow for having tried so many, and for
    prompts, sessions and days that hang together: of all groupings the lowest counts. Ratings judge
    beside the others where they are enough, since they were not what the level was learned from.
    """
    rows = _judging(window)
    on = FREE if not window.drawn & set(rows["prompt_id"]) else f"{FREE} and the audit"
    if (count := len(rows) // len(TIERS)) < gates.JUDGED_ROWS:
        rated = window.part(window.true, window.late)
        if len(rated) >= gates.RATED_ROWS:
            return _judged_by_ratings(window, before, lessons, rated, seed)
        return BeforeAfter(
            lesson=lessons[0],
            on=on,
            rows=count,
            equal=_NOTHING,
            own=_NOTHING,
            better=_NOTHING,
            brier=(0.0, 0.0),
            ece=(0.0, 0.0),
            audited=_audit_of_agreement(window)[0],
            reasons=gates.too_few_to_judge(count, len(rated)),
        )
    champion = _scored(window, before, rows)
    to_cloud = champion.gain > cut
    groupings = window.groupings(rows[rows["tier"] == TIERS[0]])
    level = 1 - (1 - LEVEL) / len(lessons)
    kinds = [window.kind[p] for p in rows["prompt_id"]]
    every = window.groupings(rows)
    found = []
    for lesson in lessons:
        scored = _scored(window, lesson.fitted, rows)
        worth = champion.cloud - champion.local
        equal = (_highest(scored.gain, int(to_cloud.sum())) - to_cloud.astype(float)) * worth
        own = ((scored.gain > lesson.cut) - to_cloud.astype(float)) * worth
        at_equal, at_own = (_lowest(d, groupings, level, seed) for d in (equal, own))
        (told,) = order_gains(window.known, (before, lesson.fitted), rows, kinds, odds=(1.0,))
        order = _lowest(told, every, level, seed)
        reasons = gates.on_later_requests(count, on, at_equal, at_own, order)
        reasons += _against(window, before, lesson)
        found.append((lesson, at_equal, at_own, reasons))
        if not reasons:
            break
    else:
        found = [max(found, key=lambda one: one[1].value)]
    lesson, at_equal, at_own, reasons = found[-1]
    audit = _audit_of_agreement(window)
    return BeforeAfter(
        lesson=lesson,
        on=on,
        rows=count,
        equal=at_equal,
        own=at_own,
        audited=audit[0],
        reasons=(*reasons, *gates.on_audit(*audit)),
        **_errors(window, (before, lesson.fitted), rows, seed),
    )


def _against(window: LabelledWindow, before: Fitted, lesson: Lesson) -> tuple[str, ...]:
    """What later ratings have against a lesson, where there are enough of them."""
    rows = window.part(window.true, window.late)
    if len(rows) < gates.RATED_ROWS:
        return ()
    raters = [window.rater[p] for p in rows["prompt_id"]]
    return _on_bounds(order_gains(window.known, (before, lesson.fitted), rows, raters))


def _on_bounds(gains: Sequence[FloatArray]) -> tuple[str, ...]:
    return gates.on_bounds(min(float(g.mean()) for g in gains), GAMMA)


def _errors(
    window: LabelledWindow, fits: tuple[Fitted, Fitted], rows: pd.DataFrame, seed: int
) -> dict[str, Any]:
    """How far the probabilities of both fits are from what was said: `better`, `brier`, `ece`."""
    y = rows["score"].to_numpy()
    p = [window.known.probabilities(f, rows) for f in fits]
    before, after = ((one - y) ** 2 for one in p)
    return {
        "better": _lowest(before - after, (rows["group"].to_numpy(),), LEVEL, seed),
        "brier": (float(before.mean()), float(after.mean())),
        "ece": (metrics.ece(p[0], y), metrics.ece(p[1], y)),
    }


def _judged_by_ratings(
    window: LabelledWindow,
    before: Fitted,
    lessons: Sequence[Lesson],
    rows: pd.DataFrame,
    seed: int,
) -> BeforeAfter:
    """The first lesson that surely orders answers better; else the one that does so best."""
    raters = [window.rater[p] for p in rows["prompt_id"]]
    groupings = window.groupings(rows)
    level = 1 - (1 - LEVEL) / len(lessons)
    found = []
    for lesson in lessons:
        gains = order_gains(window.known, (before, lesson.fitted), rows, raters)
        gained = _lowest(gains[0], groupings, level, seed)
        reasons = gates.on_order(len(rows), gained) + _on_bounds(gains)
        found.append((lesson, gained, reasons))
        if not reasons:
            break
    else:
        found = [max(found, key=lambda one: one[1].value)]
    lesson, _, reasons = found[-1]
    return BeforeAfter(
        lesson=lesson,
        on=RATINGS,
        rows=len(rows),
        equal=_NOTHING,
        own=_NOTHING,
        audited=_audit_of_agreement(window)[0],
        reasons=reasons,
        **_errors(window, (before, lesson.fitted), rows, seed),
    )


def _judging(window: LabelledWindow) -> pd.DataFrame:
    """Later rows of both tiers whose selection is known.

    True labels stand before agreement where both tiers have one: beside the other tier's
    probability a single outcome is more noise than news.
    """
    soft, true = (window.part(r, window.late) for r in (window.soft, window.true))
    true = true[among(true["prompt_id"], window.drawn)]
    true = true[true.groupby("prompt_id")["tier"].transform("nunique") == len(TIERS)]
    rows = pd.concat([true, soft]).drop_duplicates(["prompt_id", "tier"])
    both = rows.groupby("prompt_id")["tier"].transform("nunique") == len(TIERS)
    return rows[both].sort_values(["prompt_id", "tier"], kind="stable")


def _audit_of_agreement(window: LabelledWindow) -> tuple[int, float]:
    """Answers drawn by lot that agreement speaks of too, and how well it ranks them (AUC)."""
    drawn = window.true[among(window.true["prompt_id"], window.drawn)]
    both = drawn.merge(window.soft, on=["prompt_id", "tier"], suffixes=("", "_free"))
    ranks = [
        metrics.auc(g["score_free"].to_numpy(), g["score"].to_numpy())
        for _, g in both.groupby("tier")
    ]
    sizes = [len(g) for _, g in both.groupby("tier")]
    known = [(n, r) for n, r in zip(sizes, ranks, strict=True) if np.isfinite(r)]
    if not known:
        return 0, 0.5
    count = sum(n for n, _ in known)
    return count, sum(n * r for n, r in known) / count


def _scored(window: LabelledWindow, fitted: Fitted, rows: pd.DataFrame) -> Scored:
    local, cloud = (rows[rows["tier"] == tier].reset_index(drop=True) for tier in TIERS)
    return Scored(
        p_local=window.known.probabilities(fitted, local),
        p_cloud=window.known.probabilities(fitted, cloud),
        local=local["score"].to_numpy(),
        cloud=cloud["score"].to_numpy(),
        group=local["group"].to_numpy(),
        source=local["source"].to_numpy(),
    )


def _highest(gain: FloatArray, count: int) -> FloatArray:
    """1 for the `count` requests of highest gain."""
    out = np.zeros(len(gain))
    out[np.argsort(-gain, kind="stable")[:count]] = 1.0
    return out


def _lowest(difference: FloatArray, groupings: Sequence[Any], level: float, seed: int) -> Interval:
    """The mean with its interval under the grouping that makes it lowest."""
    found = [
        metrics.bootstrap(
            lambda d: float(d.mean()),
            difference,
            groups=groups,
            rng=np.random.default_rng(seed),
            rounds=ROUNDS,
            level=level,
        )
        for groups in groupings
    ]
    return min(found, key=lambda one: one.low)


def quality_curve(
    window: LabelledWindow, before: Fitted, after: Fitted, seed: int
) -> list[dict[str, Any]]:
    """Quality at equal shares of the cloud, before and after, with intervals."""
    rows = _judging(window)
    if len(rows) < len(TIERS) * gates.JUDGED_ROWS:
        return []
    old, new = (_scored(window, fitted, rows) for fitted in (before, after))
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
