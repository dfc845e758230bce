"""What a version must show before it is used, and what sends it back: every gate, one table.

A gate is pure: it takes what was measured and says why not, one sentence a reason, none where the
way is free. Measuring is done elsewhere (`training.evaluate.against_champion`,
`training.pipelines`, `router.monitor`).
"""

from collections.abc import Sequence
from math import erfc, inf, sqrt
from typing import Protocol

# By hand, on held-out outcomes (`python -m training promote`).
HELD_OUT_ROWS = 50  # chosen: fewer rows that are new to both models are no evidence
QUALITY_LOSS = 0.01  # chosen: the largest loss at equal cost that may remain possible (97.5 %)
ECE_GROWTH = 0.02  # chosen: the largest growth of the calibration error
# After learning, on later requests of the log (`router learn`).
JUDGED_ROWS = 50  # chosen: later requests with labels of both tiers; fewer judge nothing
RATED_ROWS = 100  # chosen: later ratings; fewer do not tell whether answers are ordered better
AUDITED_ANSWERS = 20  # chosen: fewer labels drawn by lot cannot contradict agreement
OWN_CUT_LOSS = 0.005  # chosen: the largest loss at the lesson's own cut that may remain possible
# In shadow and in use.
RARE = 0.00025  # chosen: chance per look of so strange a share, were nothing changed
ESCALATION_SHIFT = 0.1  # chosen: change of the share of escalations worth a word
BACK_GAIN = 0.01  # chosen: mean squared error by which the version before must fit labels better


class Bounded(Protocol):
    """A difference with its interval, printed as both."""

    @property
    def value(self) -> float:
        """The difference."""
        ...

    @property
    def low(self) -> float:
        """The lower end of its interval."""
        ...


def on_held_out(quality: Bounded, ece: Bounded) -> tuple[str, ...]:
    """Challenger minus champion: quality at equal cost, and calibration error."""
    reasons = []
    if quality.low < -QUALITY_LOSS:
        reasons.append(
            f"quality at equal cost changes by {quality}, a loss of over {QUALITY_LOSS} "
            "cannot be excluded"
        )
    if ece.value > ECE_GROWTH:
        reasons.append(f"the calibration error grows by {ece}, over {ECE_GROWTH}")
    return tuple(reasons)


def too_few_to_judge(rows: int, rated: int = 0) -> tuple[str, ...]:
    """Where too few later requests have labels whose selection is known, and too few ratings."""
    return (
        f"only {rows} later requests have labels of both tiers that no habit of rating has chosen, "
        f"{JUDGED_ROWS - rows} more are needed (router study; or for the audit router judge), or "
        f"{max(RATED_ROWS - rated, 1)} more later ratings of known raters (router rate)",
    )


def on_order(rows: int, gained: Bounded) -> tuple[str, ...]:
    """By how much answers rated later are told apart better, in log loss within a key and tier."""
    if gained.low > 0:
        return ()
    return (
        f"on {rows} later ratings, compared within a key, answers are told apart better by "
        f"{gained}; that they are not cannot be excluded",
    )


def on_bounds(worst: float, odds: float) -> tuple[str, ...]:
    """The least gain in telling rated answers apart, were good ones rated up to `odds` times as
    readily as bad ones, or bad ones as good.
    """
    if worst >= 0:
        return ()
    return (
        f"were good answers rated up to {odds:g} times as readily as bad ones, or bad ones as "
        f"good, rated answers would be told apart worse by {-worst:.3f}",
    )


def on_later_requests(
    rows: int, on: str, equal: Bounded, own: Bounded, order: Bounded
) -> tuple[str, ...]:
    """Challenger minus champion on `rows` later requests: quality at equal cost, at its own cut.

    `order`: by how much it tells answers apart better within a kind of request, in log loss. Surely
    better at equal cost is enough; so is what surely tells answers apart better and looks no worse,
    a loss of QUALITY_LOSS excluded, since a few hundred requests show the first hardly ever.
    Nothing wins ties.
    """
    no_worse = equal.value >= 0 and equal.low >= -QUALITY_LOSS and own.value >= -OWN_CUT_LOSS
    if order.low > 0 and no_worse:
        return ()
    reasons = []
    if equal.low <= 0:
        reasons.append(
            f"on {rows} later requests judged by {on} quality at equal cost changes by {equal}; "
            f"that it does not fall cannot be excluded (answers are told apart better by {order})"
        )
    if own.low < -OWN_CUT_LOSS:
        reasons.append(
            f"at its own cut quality changes by {own}, a loss of over {OWN_CUT_LOSS} cannot be "
            "excluded"
        )
    return tuple(reasons)


def on_audit(answers: int, auc: float) -> tuple[str, ...]:
    """What `answers` labels drawn by lot say of the agreement that judges (its AUC on them).

    >>> on_audit(200, 0.7), len(on_audit(200, 0.4))
    ((), 1)
    """
    chance = sqrt(1 / (3 * max(answers, 1)))  # standard deviation of an AUC without any skill
    if answers < AUDITED_ANSWERS or auc > 0.5 - chance:
        return ()
    return (
        f"the {answers} audited answers contradict the agreement that judges (AUC {auc:.2f}, .50 "
        "is chance)",
    )


def audit_wanted(answers: int) -> tuple[str, ...]:
    """How many more labels drawn by lot would tell whether what judges is right."""
    if answers >= AUDITED_ANSWERS:
        return ()
    return (
        f"{answers} audited answers stand beside agreement; {AUDITED_ANSWERS - answers} more would "
        "tell whether it is to be believed (router rate).",
    )


def in_shadow(share: float, promised: float, requests: int) -> tuple[str, ...]:
    """The share of requests that a challenger sent to the cloud, beside what it promised."""
    if not unexpected(share, promised, requests):
        return ()
    return (
        f"in shadow it sent {share:.0%} of {requests} requests to the cloud, its training run "
        f"promised {promised:.0%}",
    )


def worth_going_back(gain: float) -> bool:
    """Whether the version before fits fresh labels clearly better; `gain` in squared error."""
    return gain > BACK_GAIN


def unexpected(share: float, expected: float, requests: int, learned: float = inf) -> bool:
    """Whether a share of escalations is surely and clearly another one than was expected.

    `requests`: independent ones that the share is of; `learned`: that the expectation is from.

    >>> unexpected(0.25, 0.2, 200), unexpected(0.5, 0.2, 200)
    (False, True)
    >>> unexpected(0.32, 0.2, 200), unexpected(0.32, 0.2, 200, learned=200)
    (True, False)
    """
    independent = 1 / max(requests, 1) + 1 / max(learned, 1)
    spread = sqrt(max(expected * (1 - expected), 1e-4) * independent)
    chance = erfc(abs(share - expected) / spread / sqrt(2))
    return chance < RARE and abs(share - expected) > ESCALATION_SHIFT


def sentence(version: str, reasons: Sequence[str]) -> str:
    """Why a version is not used."""
    return f"{version} was not promoted: {'; '.join(reasons)}."
