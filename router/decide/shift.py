"""The shift of logits that a few outcomes speak for."""

import numpy as np

from router.decide.constants import SHIFT_PRIOR
from router.decide.heads import sigmoid
from router.types import FloatArray


def fitted_shift(logit: FloatArray, good: FloatArray, prior: float = SHIFT_PRIOR) -> float:
    """The shift that makes `logit` fit the outcomes `good`, a Gaussian prior around 0 (Newton).

    >>> round(fitted_shift(np.zeros(400), np.r_[np.ones(300), np.zeros(100)]), 1)
    1.1
    """
    shift = 0.0
    for _ in range(50):
        p = sigmoid(logit + shift)
        gradient = float((p - good).sum()) + prior * shift
        step = gradient / (float((p * (1 - p)).sum()) + prior)
        shift -= float(np.clip(step, -1.0, 1.0))
        if abs(step) < 1e-9:
            break
    return shift
