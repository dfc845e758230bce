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

from router.errors import DataError
from router.types import FloatArray, IntArray
from training.data.splits import group_folds
from training.evaluate.constants import (
    CROSS_FOLDS,
    LEVEL,
    MIN_EFFECTIVE_ROWS,
    MIN_EXPLORED_ROWS,
    NORMAL_ROUNDS,
    RIDGE_BIAS_STRENGTH,
    RIDGE_STRENGTH,
    UNSEEN_ROWS,
)
from training.evaluate.metrics import Interval

LOCAL, CLOUD = 0, 1
NO_EXPLORATION = (
    "The log holds no exploration: every request went where it surely would, so nothing is known "
    "of the other tier. Set exploration = 0.02 in router.toml and come back after some hundred "
    "requests."
)


@dataclass(frozen=True)
class BanditLog:
    """Rows of a log, arrays of shape (n,).

    `action`: 0 local, 1 cloud. `propensity`: of that action under the logging policy, 0..1.
    `outcome`: quality 0..1 or cost in dollars. `group`: rows that the bootstrap keeps together.
    """

    action: IntArray
    propensity: FloatArray
    outcome: FloatArray
    group: NDArray[Any]

    def __len__(self) -> int:
        return len(self.action)


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
    _checked(log, policy)
    chosen = np.where(log.action == CLOUD, policy, 1 - policy)
    weight = chosen / log.propensity
    expected = policy * predicted[:, CLOUD] + (1 - policy) * predicted[:, LOCAL]
    seen = predicted[np.arange(len(log)), log.action]
    terms = {
        "replay": (chosen * log.outcome, chosen),
        "ips": (weight * log.outcome, np.ones(len(log))),
        "snips": (weight * log.outcome, weight),
        "dr": (expected + weight * (log.outcome - seen), np.ones(len(log))),
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


def differing(log: BanditLog, policy: FloatArray) -> NDArray[np.bool_]:
    """Rows that `policy` would send where the log did not send them, or only by chance, (n,)."""
    wanted = (policy > 0.5) == (log.action == CLOUD)
    chance: NDArray[np.bool_] = np.where(wanted, log.propensity, 1 - log.propensity) <= 0.5
    return chance


def _unseen(
    weight: FloatArray, residual: FloatArray, explored: NDArray[np.bool_], span: float
) -> float:
    """What to add to the square of an interval's half for being told by few rows.

    Student's quantile in place of the normal one for the part that explored rows tell, and
    UNSEEN_ROWS of the largest spread, as Agresti and Coull (1998) add rows to a share.
    """
    if not explored.any():
        return 0.0
    w, z = weight[explored], float(norm.ppf((1 + LEVEL) / 2))
    quantile = float(student.ppf((1 + LEVEL) / 2, max(effective(w) - 1, 1.0)))
    told = float(((w * residual[explored]) ** 2).sum())
    untold = UNSEEN_ROWS * float((w**2).mean()) * (span / 2) ** 2
    return ((quantile**2 - z**2) * told + quantile**2 * untold) / len(weight) ** 2


def _wider(interval: Interval, square: float) -> Interval:
    half = float(np.hypot(interval.high - interval.value, np.sqrt(square)))
    return Interval(interval.value, interval.value - half, interval.value + half)


def _checked(log: BanditLog, policy: FloatArray) -> None:
    """Refuse what cannot be estimated. Raises DataError."""
    if not len(log):
        raise DataError("The log holds no request with an outcome and a propensity.")
    if not ((log.propensity > 0) & (log.propensity <= 1)).all():
        raise DataError("Propensities must lie above 0 and not above 1; the log is damaged.")
    wanted = np.where(log.action == CLOUD, policy, 1 - policy)
    if (log.propensity >= 1 - 1e-9).all() and not (wanted > 1 - 1e-9).all():
        raise DataError(NO_EXPLORATION)
    region = differing(log, policy)
    explored = int((region & (wanted > 0.5)).sum())
    if region.any() and explored < MIN_EXPLORED_ROWS:
        raise DataError(
            f"{explored} of the {int(region.sum())} requests that this policy would send elsewhere "
            f"were explored, {MIN_EXPLORED_ROWS} are needed; log more, explore more "
            "(exploration_near asks where policies differ), or ask about a nearer policy."
        )
    rows = effective(wanted / log.propensity)
    if rows < MIN_EFFECTIVE_ROWS:
        raise DataError(
            f"The {len(log)} logged requests are worth {rows:.0f} of this policy's own, "
            f"{MIN_EFFECTIVE_ROWS:.0f} are needed; log more, explore more, or ask about a policy "
            "that is nearer to the one that served."
        )


def effective(weight: FloatArray) -> float:
    """Effective sample size of weighted rows (Kish 1965): (sum w)^2 / sum w^2.

    >>> effective(np.array([1.0, 1.0, 0.0, 0.0]))
    2.0
    """
    square = float((weight**2).sum())
    return float(weight.sum()) ** 2 / square if square else 0.0


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
