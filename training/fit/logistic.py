"""Logistic regression with soft labels that starts from known weights.

Minimises sum_i w_i log-loss(y_i, x_i @ b + c) + |b - b0|^2 / (2 C): with b0 = 0 scikit-learn's
ridge-penalised objective, with a base's weights as b0 the mode under a prior around them, so few
rows move them little and many rows move them anywhere.
"""

import numpy as np
from scipy.optimize import minimize

from router.decide.heads import sigmoid
from router.types import FloatArray
from training.fit.constants import BIAS_C, MAX_ITERATIONS


def fit_logistic(
    x: FloatArray,
    y: FloatArray,
    weight: FloatArray,
    c: float | FloatArray,
    *,
    start: FloatArray | None = None,
    start_bias: float = 0.0,
    lower: FloatArray | None = None,
    bias_c: float = BIAS_C,
) -> tuple[FloatArray, float]:
    """Weights (f,) and intercept for rows `x` (n, f), labels `y` 0..1, row weights (n,).

    `c`: how far weights may move from `start`, one for all or one per feature; `bias_c`: the
    intercept from `start_bias`. `lower` (f,): bounds below which no weight may fall.

    >>> b, c = fit_logistic(np.array([[1.0], [-1.0]]), np.array([1.0, 0.0]), np.ones(2), 1.0)
    >>> bool(b[0] > 0), abs(round(c, 3))
    (True, 0.0)
    """
    prior = np.append(np.zeros(x.shape[1]) if start is None else start, start_bias)
    precision = np.append(np.broadcast_to(1 / np.asarray(c), x.shape[1]), 1 / bias_c)
    rows = np.asarray(x, dtype=np.float64)

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        z = rows @ theta[:-1] + theta[-1]
        residual = weight * (sigmoid(z) - y)
        away = theta - prior
        value = weight @ (np.logaddexp(0, z) - y * z) + 0.5 * (precision * away) @ away
        gradient = np.append(residual @ rows, residual.sum()) + precision * away
        return float(value), gradient

    bounds = None if lower is None else [*((b, None) for b in lower.tolist()), (None, None)]
    found = minimize(
        loss, prior, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": MAX_ITERATIONS}
    )
    return found.x[:-1], float(found.x[-1])
