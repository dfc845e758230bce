"""What a gain must exceed after an answer was read: the threshold, and the burden of proof."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from router.threshold import OperatingPoint, Reference
from router.types import FloatArray


class Judged(NamedTuple):
    """What was found of one answer: probabilities, the cut with its burden, the familiarity."""

    p_local: float
    p_cloud: float
    cut: float
    burden: float
    familiarity: float


class Threshold:
    """The cut that an operating point sets; computed once where no price changes it.

    Raises NoPromise where a floor cannot be kept.
    """

    def __init__(self, point: OperatingPoint, reference: Reference) -> None:
        self._point, self._reference = point, reference
        self._fixed: float | None = None
        if not point.depends_on_price:
            self._fixed = point.threshold(reference, 0.0)

    def of(self, cost_usd: float) -> float:
        """The cut for a request whose cloud answer costs `cost_usd`."""
        if self._fixed is not None:
            return self._fixed
        return self._point.threshold(self._reference, cost_usd)


@dataclass(frozen=True, slots=True)
class Bar:
    """What a gain must exceed after reading.

    `doubt`: logits by which an unmeasured model may be better than is thought, `strange` those by
    which any may be whose answers are like none learned from; both at the confidence that the
    settings ask for.
    """

    threshold: Threshold
    doubt: float
    strange: float

    def doubts(self, familiarity: FloatArray) -> FloatArray:
        """Logits of doubt for answers of a familiarity (n,), 0..1; independent, so squares add."""
        doubts: FloatArray = np.sqrt(self.doubt**2 + (1.0 - familiarity) * self.strange**2)
        return doubts
