"""What another policy would have cost and answered, from the log of this one.

Every logged request has the tier that was asked, the probability (propensity) with which the
logging policy chose it, and an outcome. For another policy there are four estimates of its mean
outcome: replay (the rows where both agree), IPS (Horvitz and Thompson 1952), SNIPS
(self-normalised, Swaminathan and Joachims 2015), and DR (doubly robust, Dudik, Langford and Li,
arXiv 1103.4601): a model of the outcome, corrected by what was seen. DR is unbiased where either
the propensities or the model are right; ours are logged, so they are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from router.monitor.off_policy import (
    CLOUD,
    LOCAL,
    BanditLog,
    check,
    corrected,
    differing,
    effective,
    unseen,
    weights,
)
from router.types import FloatArray, IntArray
from training.data.splits import group_folds
from training.evaluate.constants import (
    CROSS_FOLDS,
    LEVEL,
    NORMAL_ROUNDS,
    RIDGE_BIAS_STRENGTH,
    RIDGE_STRENGTH,
)
from training.evaluate.metrics import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A policy's mean outcome by every method, with 95 % intervals.

    `effective`: how many rows of the policy's own the weighted rows are worth (Kish 1965).
    `here`: DR for just these requests: its interval leaves out that other traffic may differ.
    `matched`: rows where the log did what the policy would. `differs`: rows that the policy sends
    where the log hardly would have; `explored`: those of them where the log did even so.
    """

    replay: Interval
    ips: Interval
    snips: Interval
    dr: Interval
    here: Interval
    effective: float
    matched: int
    differs: int
    explored: int
    rows: int


def evaluate(
    log: BanditLog,
    policy: FloatArray,
    predicted: FloatArray,
    *,
    span: float = 1.0,
    seed: int = 0,
    rounds: int = NORMAL_ROUNDS,
) -> Estimate:
    """Estimate the mean outcome of `policy`, its probability of the cloud, shape (n,).

    `predicted` (n, 2): expected outcome of both actions for each row, by a model that has not seen
    the row's group (`crossed`). `span`: by how much outcomes can differ. Intervals: bootstrap of
    whole groups; that of DR wider by what few explored rows cannot show. Raises DataError, in
    words, for a log without exploration, with too few explored rows where the policies differ, or
    with too few effective rows.
    """
    check(log, policy)
    chosen = np.where(log.action == CLOUD, policy, 1 - policy)
    weight = weights(log, policy)
    seen = predicted[np.arange(len(log)), log.action]
    terms = {
        "replay": (chosen * log.outcome, chosen),
        "ips": (weight * log.outcome, np.ones(len(log))),
        "snips": (weight * log.outcome, weight),
        "dr": (corrected(log, policy, predicted), np.ones(len(log))),
    }
    rng = np.random.default_rng(seed)
    counts = _resampled(log.group, rng, rounds)
    found = {
        name: _interval(top, bottom, log.group, counts) for name, (top, bottom) in terms.items()
    }
    region = differing(log, policy)
    few = _unseen(weight, log.outcome - seen, region & (chosen > 0.5), span)
    found["dr"] = _wider(found["dr"], few)
    missing = (log.propensity < 1) * weight**2 * (1 - log.propensity) * (log.outcome - seen) ** 2
    half = float(norm.ppf((1 + LEVEL) / 2)) * float(np.sqrt(missing.sum())) / len(log)
    value = found["dr"].value
    here = _wider(Interval(value, value - half, value + half), few)
    return Estimate(
        **found,
        here=here,
        effective=effective(weight),
        matched=int((chosen > 0.5).sum()),
        differs=int(region.sum()),
        explored=int((region & (chosen > 0.5)).sum()),
        rows=len(log),
    )


def _unseen(
    weight: FloatArray, residual: FloatArray, explored: NDArray[np.bool_], span: float
) -> float:
    """`unseen` with this module's level and as many degrees as the explored rows are worth."""
    freedom = max(effective(weight[explored]) - 1, 1.0)
    above = (1 + LEVEL) / 2
    quantiles = {"normal": float(norm.ppf(above)), "student": float(student.ppf(above, freedom))}
    return unseen(weight, residual, explored, span, **quantiles)


def _wider(interval: Interval, square: float) -> Interval:
    half = float(np.hypot(interval.high - interval.value, np.sqrt(square)))
    return Interval(interval.value, interval.value - half, interval.value + half)


def crossed(
    log: BanditLog, fit: Callable[[IntArray], Callable[[IntArray], FloatArray]], *, seed: int = 0
) -> FloatArray:
    """Expected outcomes (n, 2) where every row is predicted by a fit on other groups.

    `fit` takes the rows to learn from and gives what predicts rows, shape (m, 2).
    """
    out = np.zeros((len(log), 2))
    for train, test in group_folds(log.group, CROSS_FOLDS, np.random.default_rng(seed)):
        out[test] = fit(train)(test)
    return out


def by_ridge(log: BanditLog, features: FloatArray, strength: float = RIDGE_STRENGTH) -> FloatArray:
    """Outcome model for `evaluate`: ridge regression per action on `features` (n, d), crossed."""
    columns = np.column_stack([np.ones(len(log)), features])

    def fit(train: IntArray) -> Callable[[IntArray], FloatArray]:
        weights = []
        for action in (LOCAL, CLOUD):
            at = train[log.action[train] == action]
            x, y = columns[at], log.outcome[at]
            penalty = np.eye(columns.shape[1]) * strength
            penalty[0, 0] = RIDGE_BIAS_STRENGTH
            weights.append(np.linalg.solve(x.T @ x + penalty, x.T @ y) if len(at) else None)
        known = [w for w in weights if w is not None] or [np.zeros(columns.shape[1])]
        both = [w if w is not None else known[0] for w in weights]
        return lambda rows: np.column_stack([columns[rows] @ w for w in both])

    return crossed(log, fit)


def _resampled(group: NDArray[Any], rng: np.random.Generator, rounds: int) -> FloatArray:
    """How often each group is drawn in each bootstrap round, shape (rounds, groups)."""
    count = len(np.unique(group))
    return rng.multinomial(count, np.full(count, 1 / count), size=rounds).astype(np.float64)


def _interval(
    top: FloatArray, bottom: FloatArray, group: NDArray[Any], counts: FloatArray
) -> Interval:
    """sum(top) / sum(bottom) with an interval: bootstrap deviation times the normal quantile.

    Of means over hundreds of rows this covers as percentiles do, with fewer rounds.
    """
    _, code = np.unique(group, return_inverse=True)
    tops, bottoms = (np.bincount(code, weights=x) for x in (top, bottom))
    total = float(bottoms.sum())
    if not total:
        return Interval(float("nan"), float("nan"), float("nan"))
    value = float(tops.sum()) / total
    drawn = (counts @ tops) / np.maximum(counts @ bottoms, 1e-12)
    half = float(norm.ppf((1 + LEVEL) / 2)) * float(drawn.std(ddof=1))
    return Interval(value, value - half, value + half)
