"""What people said of answers, as bets on the calibration of the model that serves.

The same trust and caps as in learning hold. One answer is one label, whoever spoke of it and how
often; one prompt of one key is one bet a day, and a burst of requests is one bet too. Audited
answers were drawn by lot, so their labels count as they are; what volunteers say counts as far as
no habit of rating explains it. Nobody has to agree with the model first, as it is the model that
is doubted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router.labels.label import Label, Signal
from router.labels.sources import DAY_S, SOURCES
from router.labels.trust import believed
from router.monitor.alarms import CalibrationTest
from router.monitor.constants import GAMMA, SITTING_S
from router.outcomes.queries import Rated


@dataclass(frozen=True, slots=True, kw_only=True)
class Bet:
    """One label beside what was promised, 0..1; `about`: what was said of the answers it is of."""

    p: float
    score: float
    weight: float
    audited: bool
    key: str | None
    about: tuple[Rated, ...]


def bets_on(said: Sequence[Rated]) -> list[Bet]:
    """The bets that labels give, in the order they came."""
    row = {one.decision: one for one in said}
    free = {(d, "local"): one.agreement for d, one in row.items() if one.agreement is not None}
    labels = believed([_signal(one) for one in said], free).labels
    together: dict[object, list[Label]] = {}
    for label in labels:
        audited = bool(row[label.decision].audited)
        day = int(label.at // DAY_S)
        about = (label.group, label.key, day, audited)
        together.setdefault(about, []).append(label)
    single = [_bet(found, row) for found in together.values()]
    return by_acts(single)


def watched(bets: Sequence[Bet]) -> CalibrationTest:
    """The test of calibration after these bets."""
    test = CalibrationTest()
    for bet in bets:
        test.add(bet.p, bet.score, bet.weight, 1.0 if bet.audited else GAMMA)
    return test


def heard_enough(bets: Sequence[Bet]) -> bool:
    """Whether a version may be taken back on these: by the audit, or by more than one key."""
    voices = {bet.key for bet in bets if not bet.audited}
    return watched([bet for bet in bets if bet.audited]).broken or len(voices) > 1


def _signal(one: Rated) -> Signal:
    source = one.source if one.source in ("judge", "corrected") else "user"
    return Signal(
        decision=one.decision,
        group=one.group,
        tier="local",
        source=source,
        at=one.at,
        score=None if SOURCES[source].score is not None else one.score,
        key=one.key,
    )


def _bet(labels: Sequence[Label], row: dict[str, Rated]) -> Bet:
    about = tuple(row[label.decision] for label in labels)
    return Bet(
        p=float(np.mean([one.p_final for one in about])),
        score=float(np.mean([label.score for label in labels])),
        weight=max(label.weight for label in labels),
        audited=bool(about[0].audited),
        key=labels[0].key,
        about=about,
    )


def by_acts(bets: Sequence[Bet]) -> list[Bet]:
    """What one key said in one go as one bet; of answers drawn by lot, those asked for in one go.

    Requests of a burst are often one task, so their answers are good or bad together.
    """
    out: list[Bet] = []
    open_now: dict[tuple[bool, str | None], tuple[float, int]] = {}
    for bet in bets:
        who, when = _act(bet)
        last, at = open_now.get(who, (-np.inf, -1))
        if abs(when - last) > SITTING_S:
            last, at = when, len(out)
            out.append(bet)
        else:
            out[at] = _joined(out[at], bet)
        # A burst has an end, however many requests come; who sits rating may take his time.
        open_now[who] = (last if bet.audited else when, at)
    return out


def _act(bet: Bet) -> tuple[tuple[bool, str | None], float]:
    """Whose act a bet is, and when: of an audited one the request, else what was said."""
    if bet.audited:
        return (True, bet.about[0].asked_by), min(one.asked_at for one in bet.about)
    return (False, bet.key), max(one.at for one in bet.about)


def _joined(one: Bet, other: Bet) -> Bet:
    n, m = len(one.about), len(other.about)
    return Bet(
        p=(one.p * n + other.p * m) / (n + m),
        score=(one.score * n + other.score * m) / (n + m),
        weight=max(one.weight, other.weight),
        audited=one.audited,
        key=one.key,
        about=(*one.about, *other.about),
    )
