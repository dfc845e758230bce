"""Quality over cost at every threshold, and how far probabilities hold: from the log alone.

Three answers, each with what it rests on. What the model expects: its own probabilities and the
price list, known of every request. What the log shows: the doubly robust estimate of
`router.monitor.off_policy` with the logged propensities, where answers that nobody rated count as 0
below and as 1 above. And where the log cannot tell, the sentence that says why. Requests of one
session hang together, so the intervals are of sessions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from router.errors import DataError
from router.monitor.alarms import sessions_of
from router.monitor.constants import CURVE_BINS, CURVE_STEPS, MIN_FREEDOM, WIDEST
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
from router.outcomes.live import Choice, RatedAnswer
from router.types import FloatArray, IntArray

_NORMAL = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Range:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AtThreshold:
    """All requests as one threshold would have sent them.

    `share`: to the cloud, 0..1. `expected_usd`, `expected`: their cost together and their mean
    quality, as the model and the prices have it. `usd`, `quality`: the same as the log shows it,
    None where it cannot; `words`: why not, or what would narrow it; may be empty.
    """

    threshold: float
    share: float
    expected_usd: float
    expected: float
    usd: Range | None = None
    quality: Range | None = None
    words: str = ""


def thresholds_of(gain: FloatArray, in_force: float) -> FloatArray:
    """Cuts that send ever fewer of these requests to the cloud, ascending; with the one in force.

    >>> thresholds_of(np.array([0.1, 0.3]), 0.2).round(2).tolist()[0] < 0.1
    True
    """
    spread = np.quantile(gain, np.linspace(0, 1, CURVE_STEPS))
    ends = float(gain.min()) - 0.01, float(gain.max()) + 0.001
    return np.unique(np.round([*spread, *ends, in_force], 4))


def curve(
    choices: Sequence[Choice], scores: Mapping[str, float], in_force: float
) -> list[AtThreshold]:
    """What each threshold on the gain would have cost and answered; empty without requests.

    `scores`: decision -> rating of the answer given, 0..1. `in_force`: the threshold in use.
    """
    if not choices:
        return []
    log = _Log.of(choices, scores)
    return [log.at(float(cut)) for cut in thresholds_of(log.gain, in_force)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Log:
    """The requests as columns of shape (n,), with models of cost and quality, (n, 2)."""

    gain: FloatArray
    usd: BanditLog
    low: BanditLog
    high: BanditLog
    prices: FloatArray
    promised: FloatArray
    rated: int

    @classmethod
    def of(cls, choices: Sequence[Choice], scores: Mapping[str, float]) -> "_Log":
        """Columns of rows, in the order of time."""
        rows = sorted(choices, key=lambda one: one.at)
        to_cloud = np.array([one.tier == "cloud" and not one.escalated for one in rows])
        action: IntArray = np.where(to_cloud, CLOUD, LOCAL)
        group = sessions_of([one.key for one in rows], [one.at for one in rows])
        propensity = _column([one.propensity for one in rows])
        paid = _column([one.cost_usd for one in rows])
        score = _column([scores.get(one.id, np.nan) for one in rows])
        known = np.isfinite(score)
        # What staying costs: nothing, but where a look sends the answer on after all.
        staying = float(paid[~to_cloud].mean()) if not to_cloud.all() else 0.0
        dear = _column([one.cloud_usd for one in rows])

        def logged(outcome: FloatArray) -> BanditLog:
            return BanditLog(action, propensity, outcome, group)

        return cls(
            gain=_column([one.gain for one in rows]),
            usd=logged(paid),
            low=logged(np.where(known, score, 0.0)),
            high=logged(np.where(known, score, 1.0)),
            prices=np.column_stack([np.full(len(rows), staying), dear]),
            promised=np.array([[one.p_local, one.p_cloud] for one in rows]),
            rated=int(known.sum()),
        )

    def at(self, threshold: float) -> AtThreshold:
        """One threshold."""
        policy = (self.gain > threshold) * 1.0
        rows = np.arange(len(policy))
        tier = policy.astype(np.int64)
        expected_usd = float(self.prices[rows, tier].sum())
        expected = float(self.promised[rows, tier].mean())
        usd: Range | None = None
        quality: Range | None = None
        try:
            check(self.usd, policy)
        except DataError as error:
            words = str(error)
        else:
            span = float(np.ptp(self.usd.outcome))
            mean = _estimate(self.usd, policy, self.prices, span)
            usd = _times(mean, len(policy))
            quality, words = self._quality(policy)
        return AtThreshold(
            threshold=threshold,
            share=float(policy.mean()),
            expected_usd=expected_usd,
            expected=expected,
            usd=usd,
            quality=quality,
            words=words,
        )

    def _quality(self, policy: FloatArray) -> tuple[Range | None, str]:
        """The interval of the lowest possible outcomes below, that of the highest above."""
        low, high = (_estimate(one, policy, self.promised, 1.0) for one in (self.low, self.high))
        few = f"{self.rated} of {len(policy)} answers are rated"
        found = Range(
            (low.value + high.value) / 2, max(low.low, 0.0), min(max(high.high, 0.0), 1.0)
        )
        if found.high - found.low > WIDEST:
            return None, (
                f"{few}, so quality lies anywhere between {found.low:.2f} and {found.high:.2f}; "
                "rate more answers: router rate, or the buttons beside them."
            )
        return found, "" if self.rated == len(policy) else f"{few}; the rest counts as 0 and as 1."


def _estimate(log: BanditLog, policy: FloatArray, predicted: FloatArray, span: float) -> Range:
    """The mean outcome of `policy`, doubly robust; the interval is that of sessions."""
    terms = corrected(log, policy, predicted)
    value, count = float(terms.mean()), len(terms)
    by_group = np.bincount(log.group, weights=terms - value)
    square = float((by_group**2).sum()) / count**2 * _NORMAL**2
    weight, chosen = weights(log, policy), (policy > 0.5) == (log.action == CLOUD)
    residual = log.outcome - predicted[np.arange(count), log.action]
    explored = differing(log, policy) & chosen
    student = _student(max(effective(weight[explored]) - 1, MIN_FREEDOM))
    few = unseen(weight, residual, explored, span, normal=_NORMAL, student=student)
    half = float(np.sqrt(square + few))
    return Range(value, value - half, value + half)


def _student(freedom: float) -> float:
    """The 97.5 % quantile of Student's distribution (Abramowitz and Stegun 26.7.5), from 3 on.

    >>> [round(_student(v), 2) for v in (3, 10, 100)]
    [3.16, 2.23, 1.98]
    """
    z = _NORMAL
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))


def _times(one: Range, count: int) -> Range:
    return Range(one.value * count, max(one.low, 0.0) * count, max(one.high, 0.0) * count)


def _column(values: Sequence[float]) -> FloatArray:
    return np.array(values, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Rated answers whose probability lay close together: what was said and seen, 0..1.

    `low`, `high`: Wilson's 95 % interval of what was seen.
    """

    answers: int
    said: float
    seen: float
    low: float
    high: float


def reliability(answers: Sequence[RatedAnswer], tier: str) -> list[Bin]:
    """Rated answers of one tier in bins of equal width over the probability; no empty ones."""
    mine = [one for one in answers if one.tier == tier]
    p, score = _column([one.p for one in mine]), _column([one.score for one in mine])
    at = np.minimum((p * CURVE_BINS).astype(np.int64), CURVE_BINS - 1)
    return [_bin(p[at == k], score[at == k]) for k in np.unique(at).tolist()]


def _bin(p: FloatArray, score: FloatArray) -> Bin:
    n, z, mean = len(p), _NORMAL, float(score.mean())
    middle = (mean + z * z / (2 * n)) / (1 + z * z / n)
    half = z * float(np.sqrt(mean * (1 - mean) / n + z * z / (4 * n * n))) / (1 + z * z / n)
    return Bin(
        answers=n,
        said=float(p.mean()),
        seen=mean,
        low=max(middle - half, 0.0),
        high=min(middle + half, 1.0),
    )
