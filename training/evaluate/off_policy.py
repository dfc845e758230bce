"""What another policy would have cost and answered, from the log of this one.

Every logged request has the tier that was asked, the probability (propensity) with which the
logging policy chose it, and an outcome. For another policy there are four estimates of its mean
outcome: replay (the rows where both agree), IPS (Horvitz and Thompson 1952), SNIPS
(self-normalised, Swaminathan and Joachims 2015), and DR (doubly robust, Dudik, Langford and Li,
arXiv 1103.4601): a model of the outcome, corrected by what was seen. DR is unbiased where either
the propensities or the model are right; ours are logged, so they are.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

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

_ROWS = 8192


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
    (found,) = evaluate_all([(log, predicted, span)], policy, seed=seed, rounds=rounds)
    return found


def evaluate_all(
    logs: Sequence[tuple[BanditLog, FloatArray, float]],
    policy: FloatArray,
    *,
    seed: int = 0,
    rounds: int = NORMAL_ROUNDS,
) -> list[Estimate]:
    """`evaluate` for logs that differ in outcome alone, each with what is predicted and its span.

    The groups are drawn once for all of them. Raises DataError.
    """
    check(logs[0][0], policy)
    rng = np.random.default_rng(seed)
    terms = (_terms(log, policy, predicted) for log, predicted, _ in logs)
    intervals = _intervals(terms, logs[0][0].group, rng, rounds)
    return [
        _estimate(log, policy, predicted, span, found)
        for (log, predicted, span), found in zip(logs, intervals, strict=True)
    ]


_METHODS = ("replay", "ips", "snips", "dr")


def _terms(
    log: BanditLog, policy: FloatArray, predicted: FloatArray
) -> list[tuple[FloatArray, FloatArray]]:
    """Of each of _METHODS the two rows whose sums' quotient it is."""
    chosen = np.where(log.action == CLOUD, policy, 1 - policy)
    weight, every = weights(log, policy), np.ones(len(log))
    weighted = weight * log.outcome
    return [
        (chosen * log.outcome, chosen),
        (weighted, every),
        (weighted, weight),
        (corrected(log, policy, predicted), every),
    ]


def _estimate(
    log: BanditLog,
    policy: FloatArray,
    predicted: FloatArray,
    span: float,
    intervals: Sequence[Interval],
) -> Estimate:
    chosen = np.where(log.action == CLOUD, policy, 1 - policy)
    weight = weights(log, policy)
    seen = predicted[np.arange(len(log)), log.action]
    found = dict(zip(_METHODS, intervals, strict=True))
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


class Columns(Protocol):
    """Rows of numbers (n, d), of which some are read at a time; an array is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice) -> FloatArray: ...


def by_ridge(log: BanditLog, features: Columns, strength: float = RIDGE_STRENGTH) -> FloatArray:
    """Outcome model for `evaluate`: ridge regression per action on `features` (n, d), crossed."""
    return by_ridges([log], features, strength)[0]


def by_ridges(
    logs: Sequence[BanditLog], features: Columns, strength: float = RIDGE_STRENGTH
) -> list[FloatArray]:
    """`by_ridge` for logs that differ in outcome alone; the columns are read in pieces, twice.

    Of each fold and action products of the columns are added up; a fit is made of the others' sums.
    """
    first = logs[0]
    fold = np.zeros(len(first), dtype=np.int64)
    for i, (_, test) in enumerate(group_folds(first.group, CROSS_FOLDS, np.random.default_rng(0))):
        fold[test] = i
    width = 1 + features[:1].shape[1]
    square = np.zeros((CROSS_FOLDS, 2, width, width))
    product = np.zeros((CROSS_FOLDS, 2, width, len(logs)))
    count = np.zeros((CROSS_FOLDS, 2))
    for rows, x in _read(features):
        y = np.stack([log.outcome[rows] for log in logs], axis=1)
        for i in range(CROSS_FOLDS):
            for action in (LOCAL, CLOUD):
                mine = (fold[rows] == i) & (first.action[rows] == action)
                square[i, action] += x[mine].T @ x[mine]
                product[i, action] += x[mine].T @ y[mine]
                count[i, action] += mine.sum()
    penalty = np.eye(width) * strength
    penalty[0, 0] = RIDGE_BIAS_STRENGTH
    weights = np.zeros((CROSS_FOLDS, 2, width, len(logs)))
    for i in range(CROSS_FOLDS):
        others = np.arange(CROSS_FOLDS) != i
        known = [a for a in (LOCAL, CLOUD) if count[others, a].sum()]
        for action in known:
            weights[i, action] = np.linalg.solve(
                square[others, action].sum(axis=0) + penalty, product[others, action].sum(axis=0)
            )
        for action in (LOCAL, CLOUD):
            if known and action not in known:
                weights[i, action] = weights[i, known[0]]
    out = np.zeros((len(logs), len(first), 2))
    for rows, x in _read(features):
        for i in np.unique(fold[rows]):
            mine = np.flatnonzero(fold[rows] == i)
            out[:, rows.start + mine] = np.einsum("nd,adl->lna", x[mine], weights[i])
    return list(out)


def _read(features: Columns) -> Iterator[tuple[slice, FloatArray]]:
    """The columns some rows at a time, after a first one of ones."""
    for start in range(0, len(features), _ROWS):
        x = features[start : start + _ROWS]
        yield slice(start, start + len(x)), np.column_stack([np.ones(len(x)), x])


def _intervals(
    logs: Iterable[Sequence[tuple[FloatArray, FloatArray]]],
    group: NDArray[Any],
    rng: np.random.Generator,
    rounds: int,
) -> list[list[Interval]]:
    """sum(top) / sum(bottom) of each term of each log with an interval: bootstrap deviation times
    the normal quantile.

    Of means over hundreds of rows this covers as percentiles do, with fewer rounds. How often each
    group is drawn is not kept from one round to the next: of many groups that would be much.
    """
    _, code = np.unique(group, return_inverse=True)
    sums: list[FloatArray] = [
        np.stack([np.stack([np.bincount(code, weights=x) for x in both]) for both in terms])
        for terms in logs
    ]  # of every term top and bottom of each group
    groups = sums[0].shape[-1]
    share = np.full(groups, 1 / groups)
    drawn = [np.zeros((rounds, *mine.shape[:2])) for mine in sums]
    for i in range(rounds):
        times = rng.multinomial(groups, share)
        for mine, found in zip(sums, drawn, strict=True):
            found[i] = mine @ times
    return [_quotients(a, b) for a, b in zip(sums, drawn, strict=True)]


def _quotients(sums: FloatArray, drawn: FloatArray) -> list[Interval]:
    """Of sums (terms, 2, groups), and of their draws (rounds, terms, 2)."""
    out = []
    for term, (top, bottom) in enumerate(sums.sum(axis=-1).tolist()):
        if not bottom:
            out.append(Interval(float("nan"), float("nan"), float("nan")))
            continue
        means = drawn[:, term, 0] / np.maximum(drawn[:, term, 1], 1e-12)
        half = float(norm.ppf((1 + LEVEL) / 2)) * float(means.std(ddof=1))
        out.append(Interval(top / bottom, top / bottom - half, top / bottom + half))
    return out
