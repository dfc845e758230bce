"""How often the other tier is tried: most where one outcome more decides most, near the cut."""

from math import exp

from router.engine.constants import EXPLORED_AT_CUT, EXPLORED_FAR
from router.types import Decision


def exploration_of(exploration: float, near: float, decision: Decision | None) -> float:
    """Probability, 0..0.5, of trying the other tier for one request.

    `exploration`: the one set. `near`: the width of the gain around the cut within which it is
    raised up to EXPLORED_AT_CUT times, and lowered to EXPLORED_FAR times beyond; 0: the same for
    all. It hangs on the decision alone, so the propensity logged is exact.

    >>> exploration_of(0.02, 0.0, None)
    0.02
    """
    if not near or decision is None:
        return exploration
    distance = (decision.gain - decision.threshold) / near
    share = EXPLORED_FAR + (EXPLORED_AT_CUT - EXPLORED_FAR) * exp(-0.5 * min(distance**2, 1e3))
    return min(exploration * share, 0.5)
