"""Platt scaling with a prior, on rows used for nothing else.

logit' = slope x logit + shift (Platt 1999). A Gaussian prior around slope 1 and shift 0 keeps ten
rows from undoing what thousands have taught; with hundreds of rows it no longer matters.
"""

import numpy as np
from scipy.optimize import minimize

from router.decide.heads import sigmoid
from router.types import FloatArray
from training.fit.constants import FOLDS_PRIOR, LEAST_SLOPE


def platt(
    logit: FloatArray, y: FloatArray, weight: FloatArray, prior: float = FOLDS_PRIOR
) -> tuple[float, float]:
    """Slope and shift that make `logit` a calibrated one for soft labels `y`.

    >>> slope, shift = platt(np.zeros(0), np.zeros(0), np.zeros(0))
    >>> slope, shift
    (1.0, 0.0)
    """
    if not len(logit):
        return 1.0, 0.0

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        z = theta[0] * logit + theta[1]
        residual = weight * (sigmoid(z) - y)
        distance = theta - [1.0, 0.0]
        value = weight @ (np.logaddexp(0, z) - y * z) + prior / 2 * distance @ distance
        gradient = np.array([residual @ logit, residual.sum()]) + prior * distance
        return float(value), gradient

    bounds = [(LEAST_SLOPE, None), (None, None)]
    found = minimize(loss, np.array([1.0, 0.0]), jac=True, bounds=bounds)
    return float(found.x[0]), float(found.x[1])
