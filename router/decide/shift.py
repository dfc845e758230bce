"""The shift of logits that a few outcomes speak for."""

import numpy as np

from router.decide.constants import SHIFT_PRIOR
from router.decide.heads import sigmoid
from router.types import FloatArray


def fitted_shift(
    logit: FloatArray,
    good: FloatArray,
    prior: float = SHIFT_PRIOR,
    weight: FloatArray | float = 1.0,
) -> float:
    """The shift that makes `logit` (n,) fit the outcomes `good`, 0..1, a Gaussian prior around 0.

    By Newton's method; `prior` is its curvature, `weight` counts rows.

    >>> round(fitted_shift(np.zeros(400), np.r_[np.ones(300), np.zeros(100)]), 1)
    1.1
    """
    shift = 0.0
    for _ in range(50):
        p = sigmoid(logit + shift)
        gradient = float((weight * (p - good)).sum()) + prior * shift
        step = gradient / (float((weight * p * (1 - p)).sum()) + prior)
        shift -= float(np.clip(step, -1.0, 1.0))
        if abs(step) < 1e-9:
            break
    return shift
