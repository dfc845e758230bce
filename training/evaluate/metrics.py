"""How good a router is, as pure functions of arrays.

Conventions: `gain` (n,) ranks requests, the highest go to the cloud first; `local` and `cloud`
(n,) are the known scores of both tiers' answers, 0..1. Requests of equal gain go in random
order, so curves use their expectation. PGR = (router - local) / (cloud - local).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from router.types import FloatArray
from training.evaluate.constants import (
    BOOTSTRAP_ROUNDS,
    ECE_BINS,
    FLOOR_ROUNDS,
    LEVEL,
    ROUTELLM_STEPS,
    SAVED_AT_PGR,
)


@dataclass(frozen=True, slots=True)
class Curve:
    """Quality when the k requests of highest gain go to the cloud, k = 0..n.

    `share` (n+1,) from 0 to 1; `quality` (n+1,) mean score; `pgr` (n+1,) recovered gap.
    """

    share: FloatArray
    quality: FloatArray
    pgr: FloatArray


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def curve(gain: FloatArray, local: FloatArray, cloud: FloatArray) -> Curve:
    """The exact quality curve.

    >>> c = curve(np.array([.9, .1]), np.array([0., 1.]), np.array([1., 1.]))
    >>> c.pgr.tolist()
    [0.0, 1.0, 1.0]
    """
    n = len(gain)
    _, tie, size = np.unique(-np.asarray(gain), return_inverse=True, return_counts=True)
    order = np.argsort(tie, kind="stable")
    # Within a tie every request is worth the tie's mean: the expectation over random orders.
    worth = (np.bincount(tie, weights=cloud - local) / size)[tie[order]]
    quality = local.mean() + np.concatenate([[0.0], np.cumsum(worth)]) / n
    gap = quality[-1] - quality[0]
    pgr = (quality - quality[0]) / gap if gap else np.zeros(n + 1)
    return Curve(np.arange(n + 1) / n, quality, pgr)


def apgr(gain: FloatArray, local: FloatArray, cloud: FloatArray) -> float:
    """PGR averaged over all cloud shares; random routing has .5 (arXiv 2406.18665, section 3).

    >>> apgr(np.array([.9, .1]), np.array([0., 1.]), np.array([1., 1.]))
    0.75
    """
    c = curve(gain, local, cloud)
    return float(np.trapezoid(c.pgr, c.share))


def apgr_routellm(gain: FloatArray, local: FloatArray, cloud: FloatArray) -> float:
    """APGR as RouteLLM's evaluation computes it: 11 thresholds at quantiles of the win rate."""
    c = curve(gain, local, cloud)
    at = np.rint(np.linspace(0, 1, ROUTELLM_STEPS + 1) * len(gain)).astype(int)
    return float(np.trapezoid(c.pgr[at], c.share[at]))


def cpt(gain: FloatArray, local: FloatArray, cloud: FloatArray, target: float) -> float:
    """Call-performance threshold: the smallest cloud share whose PGR reaches `target`.

    Read off the exact curve: interpolation (as in RouteLLM's code) is wrong where it dips.
    """
    c = curve(gain, local, cloud)
    reached = np.flatnonzero(c.pgr >= target - 1e-12)
    return float(c.share[reached[0]]) if len(reached) else 1.0


def aiq(cost: FloatArray, quality: FloatArray) -> float:
    """Average improvement in quality: area under the non-decreasing convex hull of quality over
    cost, divided by the width of the cost range (RouterBench, arXiv 2403.12031, section 3.2).
    """
    order = np.lexsort((-quality, cost))
    hull: list[tuple[float, float]] = []
    for point in zip(cost[order].tolist(), quality[order].tolist(), strict=True):
        while hull and (
            (len(hull) > 1 and _left_turn(hull[-2], hull[-1], point)) or hull[-1][0] == point[0]
        ):
            if hull[-1][0] == point[0] and hull[-1][1] >= point[1]:
                break
            hull.pop()
        if not hull or point[0] > hull[-1][0]:
            hull.append(point)
    x, y = np.array(hull).T
    width = float(cost.max() - cost.min())
    if width == 0:
        return float(y.max())
    grid = np.append(x, cost.max())
    return float(np.trapezoid(np.maximum.accumulate(np.append(y, y[-1])), grid) / width)


def aiq_of_ranking(gain: FloatArray, local: FloatArray, cloud: FloatArray) -> float:
    """AIQ with the cloud share as cost, so that every request costs the same."""
    c = curve(gain, local, cloud)
    return aiq(c.share, c.quality)


def _left_turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) >= (b[1] - a[1]) * (c[0] - a[0])


def cost_saved(
    gain: FloatArray, local: FloatArray, cloud: FloatArray, target: float = SAVED_AT_PGR
) -> float:
    """Share of the always-cloud cost saved while PGR stays at `target` (FrugalGPT, 2305.05176)."""
    return 1.0 - cpt(gain, local, cloud, target)


def brier(p: FloatArray, y: FloatArray) -> float:
    """Mean squared error of probabilities (Brier 1950). `y` may be soft, 0..1."""
    return float(np.mean((p - y) ** 2))


def brier_skill(p: FloatArray, y: FloatArray) -> float:
    """1 - Brier / Brier of always predicting the mean of `y`; 0 is no skill, 1 is perfect."""
    return 1.0 - brier(p, y) / max(brier(np.full(len(y), y.mean()), y), 1e-12)


def reliability(
    p: FloatArray, y: FloatArray, bins: int = ECE_BINS
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean probability, mean outcome and share of rows in `bins` bins of equal size."""
    order = np.argsort(p, kind="stable")
    pieces = [b for b in np.array_split(order, min(bins, len(p))) if len(b)]
    return (
        np.array([p[b].mean() for b in pieces]),
        np.array([y[b].mean() for b in pieces]),
        np.array([len(b) / len(p) for b in pieces]),
    )


def ece(p: FloatArray, y: FloatArray, bins: int = ECE_BINS) -> float:
    """Expected calibration error over bins of equal size (arXiv 1706.04599; equal mass as in
    arXiv 1909.10155, which is less biased than equal width).
    """
    predicted, observed, share = reliability(p, y, bins)
    return float(np.sum(share * np.abs(predicted - observed)))


def ece_floor(p: FloatArray, rng: np.random.Generator, rounds: int = FLOOR_ROUNDS) -> float:
    """The ECE that chance alone gives perfectly calibrated `p` on as many 0/1 outcomes."""
    return float(np.mean([ece(p, (rng.random(len(p)) < p) * 1.0) for _ in range(rounds)]))


def auc(rank: NDArray[Any], y: NDArray[Any]) -> float:
    """Probability that a row with y=1 ranks above one with y=0 (ties count half); y is 0/1."""
    ranks, positive = rankdata(rank), y > 0.5
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return float("nan")
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))


def bootstrap(
    statistic: Callable[..., float],
    *arrays: FloatArray,
    groups: NDArray[Any],
    rng: np.random.Generator,
    rounds: int = BOOTSTRAP_ROUNDS,
    level: float = LEVEL,
) -> Interval:
    """Percentile interval of `statistic(*arrays)` by resampling whole groups."""
    value = statistic(*arrays)
    draws = [statistic(*(a[rows] for a in arrays)) for rows in resamples(groups, rng, rounds)]
    finite = np.array(draws)[np.isfinite(draws)]
    if not len(finite):
        return Interval(value, value, value)
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))


def resamples(
    groups: NDArray[Any], rng: np.random.Generator, rounds: int
) -> list[NDArray[np.int64]]:
    """Row indices of `rounds` bootstrap samples of whole groups."""
    _, code = np.unique(groups, return_inverse=True)
    members = np.argsort(code, kind="stable")
    size = np.bincount(code)
    start = np.cumsum(size) - size
    out = []
    for _ in range(rounds):
        drawn = rng.integers(0, len(size), len(size))
        lengths = size[drawn]
        offset = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        out.append(members[np.repeat(start[drawn], lengths) + offset])
    return out
