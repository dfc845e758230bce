"""Watching over a model at work: is it still calibrated, and is the traffic still the same?

Calibration is watched by a test martingale: a gambler bets on every label that the probabilities
are off by more than a tolerance. If they are not, his wealth is a supermartingale, and by Ville's
inequality (1939; Shafer and Vovk 2019) it ever reaches 1 / alpha with probability alpha at most,
however often one looks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import log1p
from typing import Any

import numpy as np

from router.monitor.constants import ALPHA, BETS, TOLERANCE, WINDOW
from router.registry.gates import RARE, unexpected
from router.types import FloatArray


@dataclass(slots=True, kw_only=True)
class CalibrationTest:
    """Feed it labels in the order they come; `broken` once the evidence suffices.

    >>> test = CalibrationTest()
    >>> for _ in range(200):
    ...     test.add(0.9, 0.0)
    >>> test.broken
    True
    """

    alpha: float = ALPHA
    tolerance: float = TOLERANCE
    labels: int = 0
    _wealth: FloatArray = field(default_factory=lambda: np.zeros((2, len(BETS))))  # logarithms
    _most: float = 0.0

    def add(self, p: float, y: float, weight: float = 1.0) -> None:
        """A probability beside what came of it, 0..1; `weight` 0..1 scales the stake."""
        self.labels += 1
        for side, sign in enumerate((1.0, -1.0)):
            won = sign * (y - p) - self.tolerance
            for i, bet in enumerate(BETS):
                self._wealth[side, i] += log1p(bet * weight * won)
        self._most = max(self._most, self.evidence)

    @property
    def evidence(self) -> float:
        """The gamblers' mean wealth: 1 at the start, 1 / alpha when calibration is broken."""
        return float(np.exp(np.minimum(self._wealth, 700.0)).mean())

    @property
    def broken(self) -> bool:
        """Whether the evidence ever sufficed."""
        return self._most >= 1 / self.alpha

    def words(self) -> str:
        """What it says."""
        if self.broken:
            return (
                f"p_local is off by more than {self.tolerance:g} on {self.labels} fresh labels "
                f"(false alarm in at most {self.alpha:.0%} of all models)."
            )
        return f"p_local agrees with {self.labels} fresh labels (evidence {self.evidence:.2g})."


class Kind(StrEnum):
    """What an alarm is about; each is said once while it holds."""

    CALIBRATION = "calibration"
    TOPICS = "topics"
    ESCALATION = "escalation"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that has changed, in words for a person."""

    kind: Kind
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How recent traffic differs from the traffic learned from; with `alarms`, if any.

    `distance`: of the mean embedding, 1 being the largest that unchanged traffic would show.
    `escalation`, `expected`: shares of requests sent to the cloud.
    """

    requests: int
    distance: float
    escalation: float
    expected: float
    alarms: tuple[Alarm, ...]


def traffic_of(embeddings: FloatArray, escalation: float, seed: int = 0) -> dict[str, Any]:
    """What to remember of the traffic that a model was fitted on, plain values.

    `embeddings` (n, d). The limit is the largest of 1,000 windows drawn from it.
    """
    rng = np.random.default_rng(seed)
    mean, deviation = embeddings.mean(axis=0), embeddings.std(axis=0)
    deviation = np.maximum(deviation, 1e-4)
    drawn = [
        _distance(embeddings[rng.integers(0, len(embeddings), WINDOW)], mean, deviation)
        for _ in range(round(1 / RARE))
    ]
    return {
        "requests": len(embeddings),
        "escalation": escalation,
        "limit": float(max(drawn)),
        "mean": np.round(mean, 5).tolist(),
        "deviation": np.round(deviation, 5).tolist(),
    }


def drift(
    traffic: Mapping[str, Any], embeddings: FloatArray, escalated: Sequence[bool]
) -> Drift | None:
    """Recent requests beside the remembered traffic; None for fewer than WINDOW requests."""
    if len(embeddings) < WINDOW or not traffic:
        return None
    recent = embeddings[-WINDOW:]
    mean, deviation = np.array(traffic["mean"]), np.array(traffic["deviation"])
    distance = _distance(recent, mean, deviation) / float(traffic["limit"])
    share, expected = float(np.mean(escalated[-WINDOW:])), float(traffic["escalation"])
    alarms = []
    if distance > 1:
        words = (
            f"The last {WINDOW} requests are about other things than the {traffic['requests']} "
            f"learned from (distance {distance:.1f} times chance); run router learn."
        )
        alarms.append(Alarm(Kind.TOPICS, words))
    if unexpected(share, expected, WINDOW):
        words = (
            f"{share:.0%} of the last {WINDOW} requests went to the cloud, {expected:.0%} was "
            "expected; look at: router models, or run: router learn."
        )
        alarms.append(Alarm(Kind.ESCALATION, words))
    return Drift(
        requests=len(embeddings),
        distance=distance,
        escalation=share,
        expected=expected,
        alarms=tuple(alarms),
    )


def _distance(window: FloatArray, mean: FloatArray, deviation: FloatArray) -> float:
    """Mean squared z-score of a window's mean; about 1 / rows for unchanged traffic."""
    return float((((window.mean(axis=0) - mean) / deviation) ** 2).mean())
