"""Platt scaling with a prior, on rows used for nothing else.

logit' = slope x logit + shift (Platt 1999). A Gaussian prior around slope 1 and shift 0 keeps ten
rows from undoing what thousands have taught; with hundreds of rows it no longer matters.
"""

import numpy as np
from scipy.optimize import brentq, minimize

from router.decide.heads import sigmoid
from router.types import FloatArray
from training.fit.constants import FARTHEST, FOLDS_PRIOR, LEAST_SLOPE


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


def shift_to(z: FloatArray, mean: float, weight: FloatArray | None = None) -> float:
    """The shift of the logits `z` (n,) that gives their probabilities this mean, 0 < `mean` < 1.

    >>> round(shift_to(np.zeros(3), 0.75), 3)
    1.099
    """

    def off(shift: float) -> float:
        return float(np.average(sigmoid(z + shift), weights=weight)) - mean

    return float(brentq(off, -FARTHEST, FARTHEST))


def shift_to_ratings(z: FloatArray, score: FloatArray, weight: FloatArray) -> float:
    """The shift of the logits `z` (n,) that explains how strict whoever gave the scores (n,) is.

    Half an answer is thought of as the other way, so that it is finite where all scores are 0 or 1.
    """
    least = 0.5 / len(score)
    mean = np.clip(np.average(score, weights=weight), least, 1 - least)
    return shift_to(z, float(mean), weight)
