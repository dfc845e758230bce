"""A log under another policy: what both sides that estimate from it agree on, and when none may.

`router.monitor.curve` draws the page's curve with it, `training.evaluate.off_policy` its estimates.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.errors import DataError
from router.monitor.constants import MIN_EFFECTIVE_ROWS, MIN_EXPLORED_ROWS, UNSEEN_ROWS
from router.types import FloatArray, IntArray

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


def differing(log: BanditLog, policy: FloatArray) -> NDArray[np.bool_]:
    """Rows that `policy` would send where the log did not send them, or only by chance, (n,)."""
    wanted = (policy > 0.5) == (log.action == CLOUD)
    chance: NDArray[np.bool_] = np.where(wanted, log.propensity, 1 - log.propensity) <= 0.5
    return chance


def weights(log: BanditLog, policy: FloatArray) -> FloatArray:
    """How much each row counts for `policy`, its probability of the cloud: both of shape (n,)."""
    chosen: FloatArray = np.where(log.action == CLOUD, policy, 1 - policy)
    return chosen / log.propensity


def corrected(log: BanditLog, policy: FloatArray, predicted: FloatArray) -> FloatArray:
    """The terms (n,) whose mean is the doubly robust estimate of the mean outcome of `policy`.

    `predicted` (n, 2): expected outcome of both actions, by a model that has not seen the row.
    """
    expected = policy * predicted[:, CLOUD] + (1 - policy) * predicted[:, LOCAL]
    seen = predicted[np.arange(len(log)), log.action]
    terms: FloatArray = expected + weights(log, policy) * (log.outcome - seen)
    return terms


def check(log: BanditLog, policy: FloatArray) -> None:
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


def unseen(
    weight: FloatArray,
    residual: FloatArray,
    explored: NDArray[np.bool_],
    span: float,
    *,
    normal: float,
    student: float,
) -> float:
    """What to add to the square of an interval's half for being told by few rows.

    Student's quantile in place of the normal one for the part that explored rows tell, and
    UNSEEN_ROWS of the largest spread, as Agresti and Coull (1998) add rows to a share. `student`
    has one degree less than the rows of `explored` are worth.
    """
    if not explored.any():
        return 0.0
    w = weight[explored]
    told = float(((w * residual[explored]) ** 2).sum())
    untold = UNSEEN_ROWS * float((w**2).mean()) * (span / 2) ** 2
    return ((student**2 - normal**2) * told + student**2 * untold) / len(weight) ** 2
