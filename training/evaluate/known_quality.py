"""How good each logged answer was, as far as the log can tell: between which two bounds.

Who rates chooses what he rates, and a second model can share the first one's mistakes; no weight
of such labels tells what the missing ones would have said. So each answer has a lowest and a
highest outcome, and a mean of such rows has bounds instead of a value (Manski, Partial
Identification of Probability Distributions, 2003):

- rated: the rating, twice;
- with a second opinion: what agreement says, moved by how far it was off on answers that were drawn
  to be labelled (`anchors`), give or take what these leave open; without enough of them 0 and 1;
- neither: 0 and 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from router.labels.label import Label
from router.labels.trust import believed
from router.types import FloatArray, IntArray
from training.data.columns import among
from training.data.log import Window
from training.evaluate.constants import LEVEL, MIN_ANCHORS, RIDGE_BIAS_STRENGTH

_TIERS = ("local", "cloud")


@dataclass(frozen=True, kw_only=True)
class KnownQuality:
    """Bounds of each answer that was given, shape (n,), 0..1 but for what anchors moved.

    `by_rating`, `by_agreement`: which answers have a rating, and which agreement only, (n,).
    `anchors`: per tier, answers with agreement that were labelled whatever they were.
    """

    low: FloatArray
    high: FloatArray
    by_rating: NDArray[np.bool_]
    by_agreement: NDArray[np.bool_]
    anchors: dict[str, int]

    @classmethod
    def of_ratings(cls, score: FloatArray) -> "KnownQuality":
        """Ratings alone, NaN where there is none, shape (n,)."""
        rated = np.isfinite(score)
        return cls(
            low=np.where(rated, score, 0.0),
            high=np.where(rated, score, 1.0),
            by_rating=rated,
            by_agreement=np.zeros(len(score), dtype=bool),
            anchors=dict.fromkeys(_TIERS, 0),
        )

    @property
    def rated(self) -> int:
        """How many answers have a rating."""
        return int(self.by_rating.sum())

    @property
    def agreed(self) -> int:
        """How many have a second opinion only."""
        return int(self.by_agreement.sum())

    @property
    def told(self) -> NDArray[np.bool_]:
        """Where anything is known of an answer, shape (n,)."""
        told: NDArray[np.bool_] = (self.low > 0) | (self.high < 1)
        return told

    def only(self, at: IntArray) -> "KnownQuality":
        """The rows `at`."""
        return replace(
            self,
            low=self.low[at],
            high=self.high[at],
            by_rating=self.by_rating[at],
            by_agreement=self.by_agreement[at],
        )

    def words(self) -> str:
        """What would have to be known to say more; empty where all is rated."""
        if self.rated == len(self.low):
            return ""
        parts = [f"{self.rated} of {len(self.low)} answers are rated"]
        if self.agreed:
            fewest = min(self.anchors.values())
            parts.append(
                f"{self.agreed} more have a second opinion, and {fewest} ratings of answers drawn "
                f"by lot ({MIN_ANCHORS} of each tier are needed) say how far to trust these"
            )
        return "; ".join(parts) + ". More of them: router judge --random"


def known_quality(window: Window) -> KnownQuality:
    """Bounds for every row of `window.frame`."""
    frame, free = window.frame, window.free
    # What nobody said is no rating, whatever it is worth, and doubts none.
    said = [x for x in window.signals if x.source != "quiet"]
    labels = [x for x in believed(said, free, window.claims).labels if x.strong]
    scores = {(x.decision, x.tier): x.score for x in labels}
    spoken = np.flatnonzero(among(frame["id"], [d for d, _ in (*scores, *free)]))
    mine = frame.iloc[spoken]
    gains = mine["gain"].fillna(0.0).astype("float64")
    gain = dict(zip(mine["id"], gains, strict=True))
    anchored = _anchored(window, labels)
    lot = window.audit_weights if "audit" in frame else {}
    off = {
        tier: _Off.of(
            *_residuals(anchored[tier], tier, gain, scores, free),
            np.array([lot.get(d, 1.0) for d in anchored[tier]]),
        )
        for tier in _TIERS
    }
    low, high = np.zeros(len(frame)), np.ones(len(frame))
    by_rating, by_agreement = np.zeros((2, len(frame)), dtype=bool)
    for row, about in zip(spoken, zip(mine["id"], mine["tier"], strict=True), strict=True):
        if about in scores:
            by_rating[row] = True
            low[row] = high[row] = scores[about]
        elif about in free:
            by_agreement[row] = True
            low[row], high[row] = off[about[1]].bounds(free[about], gain[about[0]])
    return KnownQuality(
        low=low,
        high=high,
        by_rating=by_rating,
        by_agreement=by_agreement,
        anchors={tier: len(anchored[tier]) for tier in _TIERS},
    )


def _anchored(window: Window, labels: list[Label]) -> dict[str, list[str]]:
    """Per tier the decisions with agreement whose answer was labelled whatever it was.

    The judge does not choose by the answer, and what the audit asks about was drawn before it.
    """
    drawn: set[str] = set()
    if "audited" in window.frame:
        drawn = set(window.frame.loc[window.frame["audited"].eq(True), "id"])
    fair = [x for x in labels if x.source == "judge" or x.decision in drawn]
    free = window.free
    return {
        tier: [x.decision for x in fair if x.tier == tier and (x.decision, tier) in free]
        for tier in _TIERS
    }


def _residuals(
    decisions: list[str],
    tier: str,
    gain: Mapping[str, float],
    scores: Mapping[tuple[str, str], float],
    free: Mapping[tuple[str, str], float],
) -> tuple[FloatArray, FloatArray]:
    """Gains of anchors, and label minus agreement, each of shape (m,)."""
    at = [(d, tier) for d in decisions]
    return (
        np.array([gain[d] for d in decisions], dtype=np.float64),
        np.array([scores[a] - free[a] for a in at], dtype=np.float64),
    )


@dataclass(frozen=True, slots=True)
class _Off:
    """How far agreement is off, as a line over the gain; None: too few anchors to tell.

    `line`: value and slope; `covariance` (2, 2) of both; `quantile` of Student's distribution.
    """

    line: FloatArray | None = None
    covariance: FloatArray | None = None
    quantile: float = 0.0

    @classmethod
    def of(cls, gain: FloatArray, residual: FloatArray, weight: FloatArray) -> "_Off":
        """Least squares on anchors, arrays of shape (m,); `weight` has a mean of about 1."""
        if len(gain) < MIN_ANCHORS:
            return cls()
        root = np.sqrt(weight)[:, None]
        x = np.column_stack([np.ones(len(gain)), gain]) * root
        residual = residual * root[:, 0]
        inverse = np.linalg.inv(x.T @ x + np.diag([0.0, RIDGE_BIAS_STRENGTH]))
        line = inverse @ x.T @ residual
        freedom = len(gain) - x.shape[1]
        spread = float(((residual - x @ line) ** 2).sum()) / freedom
        return cls(line, inverse * spread, float(student.ppf((1 + LEVEL) / 2, freedom)))

    def bounds(self, agreement: float, gain: float) -> tuple[float, float]:
        """Lowest and highest mean outcome of answers like this one."""
        if self.line is None or self.covariance is None:
            return 0.0, 1.0
        x = np.array([1.0, gain])
        value = agreement + float(x @ self.line)
        half = self.quantile * float(np.sqrt(x @ self.covariance @ x))
        return value - half, value + half
