"""Watching over a model at work: is it still calibrated, and is the traffic still the same?

Calibration is watched by an e-detector (Shin, Ramdas and Rinaldo, arXiv 2203.03532) of the form of
Shiryaev (1963) and Roberts (1966): with every label a new gambler comes and bets, with what the
former ones have, that the probabilities are off by more than a tolerance. While they are not, the
mean wealth grows by 1 a label at most, so a false alarm comes on average after LIMIT labels or
later; and however long a model was right, the gambler who comes when it breaks starts fresh.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import sqrt
from typing import Any

import numpy as np

from router.monitor.constants import (
    EDGE,
    FEWEST_SESSIONS,
    LIMIT,
    MOST_STAKED,
    NEW_REQUESTS,
    NEW_SHARE,
    RARE_Z,
    SESSION_MOST,
    SESSION_PAUSE_S,
    SHIFTS,
    TOLERANCE,
    WINDOW,
    WORSE_SHARE,
)
from router.registry.gates import unexpected
from router.types import FloatArray, IntArray

_SIDES = np.repeat([1.0, -1.0], len(SHIFTS))  # that answers are better, or worse, than promised
_SHIFTS = np.tile(SHIFTS, 2)
_SHARES = np.where(_SIDES < 0, WORSE_SHARE, 1 - WORSE_SHARE) / len(SHIFTS)


@dataclass(slots=True, kw_only=True)
class CalibrationTest:
    """Feed it labels in the order they come; `broken` once the evidence suffices.

    `since`: the label, from 0, that the strongest evidence began with.

    >>> test = CalibrationTest()
    >>> for _ in range(200):
    ...     test.add(0.9, 0.0)
    >>> test.broken
    True
    """

    limit: float = LIMIT
    tolerance: float = TOLERANCE
    labels: int = 0
    since: int = 0
    _wealth: FloatArray = field(default_factory=lambda: np.zeros(len(_SIDES)))
    _best: FloatArray = field(default_factory=lambda: np.ones(len(_SIDES)))  # one gambler's
    _began: FloatArray = field(default_factory=lambda: np.zeros(len(_SIDES)))
    _most: float = 0.0

    def add(self, p: float, y: float, weight: float = 1.0, odds: float = 1.0) -> None:
        """A probability beside what came of it, 0..1; `weight` 0..1 scales the stake.

        `odds`: good answers may have been rated so many times more or less often than bad ones
        (odds ratio, from 1); what that alone could explain is no evidence.
        """
        fresh = self._best <= 1.0
        self._best, self._began = np.maximum(self._best, 1.0), self._began.copy()
        self._began[fresh] = self.labels
        claimed = np.where(_SIDES > 0, _tilted(p, odds), _tilted(p, 1 / odds))
        null = np.clip(claimed + _SIDES * self.tolerance, EDGE, 1 - EDGE)
        stake = np.minimum(_SHIFTS / (null * (1 - null)), MOST_STAKED / np.maximum(null, 1 - null))
        won = 1 + weight * stake * _SIDES * (y - null)
        self._wealth = np.minimum((1 + self._wealth) * won, 1e300)
        self._best = np.minimum(self._best * won, 1e300)
        self.labels += 1
        before, self._most = self.broken, max(self._most, self.evidence)
        if self.broken and not before:
            self.since = int(self._began[int(np.argmax(self._wealth * _SHARES))])

    @property
    def evidence(self) -> float:
        """The gamblers' wealth, each counted by his share; LIMIT and above is an alarm."""
        return float(self._wealth @ _SHARES)

    @property
    def broken(self) -> bool:
        """Whether the evidence ever sufficed."""
        return self._most >= self.limit

    def words(self) -> str:
        """What it says."""
        if self.broken:
            return (
                f"p_local is off by more than {self.tolerance:g} on {self.labels - self.since} of "
                f"{self.labels} fresh labels (a false alarm comes once in {self.limit:,.0f} labels "
                "or more rarely)."
            )
        return f"p_local agrees with {self.labels} fresh labels (evidence {self.evidence:.2g})."


def _tilted(p: float, odds: float) -> float:
    """The share of good answers among those rated, where good ones are so much likelier rated."""
    return p * odds / (p * odds + 1 - p) if 0 < p < 1 else p


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


def sessions_of(keys: Sequence[str | None], at: Sequence[float]) -> IntArray:
    """The session of every request, numbered: requests of one key without a long pause, (n,).

    >>> sessions_of(["a", "b", "a", "a"], [0.0, 1.0, 60.0, 9000.0]).tolist()
    [0, 1, 0, 2]
    """
    last: dict[str | None, tuple[float, int, int]] = {}
    out, count = [], 0
    for key, when in zip(keys, at, strict=True):
        before, number, size = last.get(key, (-np.inf, -1, 0))
        if when - before > SESSION_PAUSE_S or size == SESSION_MOST:
            number, size, count = count, 0, count + 1
        last[key] = (when, number, size + 1)
        out.append(number)
    return np.array(out, dtype=np.int64)


def traffic_of(
    embeddings: FloatArray,
    escalation: float,
    sessions: IntArray | None = None,
    kinds: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """What to remember of the traffic that a model was fitted on, plain values.

    `embeddings` (n, d); `sessions` (n,), default each request its own; `kinds`: share of the
    requests of each kind. `spread`: squared error of the mean of one request, sessions counted;
    `directions`: in how many independent directions it varies.
    """
    mean, deviation = embeddings.mean(axis=0), embeddings.std(axis=0)
    deviation = np.maximum(deviation, 1e-4)
    each = np.arange(len(embeddings)) if sessions is None else sessions
    spread, directions = _spread((embeddings - mean) / deviation, each)
    return {
        "requests": len(embeddings),
        "sessions": len(np.unique(each)),
        "escalation": escalation,
        "mean": np.round(mean, 5).tolist(),
        "deviation": np.round(deviation, 5).tolist(),
        "spread": spread,
        "directions": directions,
        "kinds": {k: round(v, 4) for k, v in (kinds or {}).items()},
    }


def drift(
    traffic: Mapping[str, Any],
    embeddings: FloatArray,
    escalated: Sequence[bool],
    sessions: IntArray | None = None,
    kinds: Sequence[str] = (),
) -> Drift | None:
    """Recent requests beside the remembered traffic; None for fewer than WINDOW requests.

    What one session asks hangs together, so sessions are what is drawn anew: the more requests
    are of one, the further apart must two means be. Topics need a memory of NEW_REQUESTS.
    """
    if len(embeddings) < WINDOW or "spread" not in traffic:
        return None
    recent = embeddings[-WINDOW:]
    own = np.arange(len(embeddings)) if sessions is None else sessions
    distance = _distance(traffic, recent, own[-WINDOW:])
    learned = int(traffic["requests"])
    share, expected = float(np.mean(escalated[-WINDOW:])), float(traffic["escalation"])
    alarms = []
    if distance > 1 and learned >= NEW_REQUESTS:
        words = (
            f"The last {WINDOW} requests are about other things than the {learned} learned from "
            f"(distance {distance:.1f} times chance){_what_is_new(traffic, kinds[-WINDOW:])}; "
            "run router learn."
        )
        alarms.append(Alarm(Kind.TOPICS, words))
    memory = float(traffic.get("sessions", learned))
    if unexpected(share, expected, len(np.unique(own[-WINDOW:])), memory):
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


def _distance(traffic: Mapping[str, Any], recent: FloatArray, sessions: IntArray) -> float:
    """How far the mean of recent requests lies from what was learned; 1 is the edge of chance.

    The squared distance beside its error is an F statistic (Hotelling's, with as many directions
    as the traffic has); by Paulson's approximation (1942) it becomes a z-score.
    """
    count = len(np.unique(sessions))
    if count < FEWEST_SESSIONS:
        return 0.0
    z = (recent - np.array(traffic["mean"])) / np.array(traffic["deviation"])
    centre = z.mean(axis=0)
    own, directions = _spread(z - centre, sessions)
    own *= count / (count - 1)
    learned = float(traffic["spread"])
    directions = min(directions, float(traffic["directions"]))
    error = max(own, learned) / len(recent) + learned / int(traffic["requests"])
    root = (float(centre @ centre) / error) ** (1 / 3)
    above, below = 2 / (9 * directions), 2 / (9 * directions * (count - 1))
    score = ((1 - below) * root - (1 - above)) / sqrt(below * root**2 + above)
    return float(max(score / RARE_Z, 0.0))


def _spread(z: FloatArray, sessions: IntArray) -> tuple[float, float]:
    """Squared error of the mean times the number of requests, and its directions."""
    _, code = np.unique(sessions, return_inverse=True)
    sums = np.zeros((int(code.max()) + 1, z.shape[1]))
    np.add.at(sums, code, z)
    products = sums.T @ sums / len(z)
    total = float(np.trace(products))
    return total, total**2 / max(float((products**2).sum()), 1e-12)


def _what_is_new(traffic: Mapping[str, Any], kinds: Sequence[str]) -> str:
    """Which kinds of request there are more of, in words; empty where none stands out."""
    known: Mapping[str, float] = traffic.get("kinds", {})
    if not known or not kinds:
        return ""
    found = Counter(kinds)
    more = {k: n / len(kinds) - known.get(k, 0.0) for k, n in found.items()}
    new = sorted((k for k, d in more.items() if d >= NEW_SHARE), key=lambda k: -more[k])
    if not new:
        return "; no kind of request stands out"
    said = ", ".join(f"{found[k]} ask for {k} ({known.get(k, 0.0):.0%} before)" for k in new)
    return f"; of them {said}"
