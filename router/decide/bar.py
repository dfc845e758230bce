"""What a gain must exceed after an answer was read: the threshold, and the burden of proof."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from router.types import FloatArray


class Judged(NamedTuple):
    """What was found of one answer: probabilities, the cut with its burden, the familiarity."""

    p_local: float
    p_cloud: float
    cut: float
    burden: float
    familiarity: float


@dataclass(frozen=True, slots=True)
class Bar:
    """What a gain must exceed after reading.

    `threshold`: of a cloud answer's price in dollars. `doubt`: logits by which an unmeasured model
    may be better than is thought, `strange` those by which any may be whose answers are like none
    learned from; both at the confidence that the settings ask for.
    """

    threshold: Callable[[float], float]
    doubt: float
    strange: float

    def doubts(self, familiarity: FloatArray) -> FloatArray:
        """Logits of doubt for answers of a familiarity (n,), 0..1; independent, so squares add."""
        doubts: FloatArray = np.sqrt(self.doubt**2 + (1.0 - familiarity) * self.strange**2)
        return doubts
