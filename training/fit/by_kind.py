"""Logistic regression with weights for each kind of row, drawn towards weights that all share.

Minimises sum_i w_i log-loss(y_i, x_i @ (b0_k + common + own_k) + level_g + c) with ridge penalties
on `common`, each `own_k` and each `level_g`, k being the kind of row i and g who graded it. A kind
with few rows stays with the others; one with many goes its own way. Graders differ in what they
call good: their levels are terms of their own, of which a kind keeps the mean over its rows.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from router.decide.heads import sigmoid
from router.types import FloatArray, IntArray
from training.fit.constants import BIAS_C, LEVEL_C, LOSS_TOLERANCE, MAX_ITERATIONS


@dataclass(frozen=True, kw_only=True)
class Freedom:
    """How far weights may move: C of the shared ones (c,) and of each kind's own (k, c)."""

    common: FloatArray
    own: FloatArray


def fit_by_kind(
    x: FloatArray,
    kind: IntArray,
    y: FloatArray,
    weight: FloatArray,
    freedom: Freedom,
    *,
    start: FloatArray,
    start_bias: FloatArray,
    grader: IntArray | None = None,
    sign: IntArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Weights (k, c) and intercepts (k,) for rows `x` (n, c) of kinds `kind` (n,), labels `y` 0..1.

    `start` (k, c), `start_bias` (k,): what to start from. `grader` (n,): numbers from 0.
    `sign` (c,): 1 where no weight may be below 0, -1 where none may be above, else 0.
    """
    live = np.flatnonzero(np.any(x, axis=0))  # of the others nothing can be learned
    moved = start.copy()
    moved[:, live], bias = _fitted(
        x[:, live],
        kind,
        y,
        weight,
        Freedom(common=freedom.common[live], own=freedom.own[:, live]),
        start=start[:, live],
        start_bias=start_bias,
        grader=grader,
        sign=None if sign is None else sign[live],
    )
    return moved, bias


def _fitted(
    x: FloatArray,
    kind: IntArray,
    y: FloatArray,
    weight: FloatArray,
    freedom: Freedom,
    *,
    start: FloatArray,
    start_bias: FloatArray,
    grader: IntArray | None,
    sign: IntArray | None,
) -> tuple[FloatArray, FloatArray]:
    """`fit_by_kind` for columns that all hold something."""
    kinds, columns = start.shape
    order = np.argsort(kind, kind="stable")
    parts = np.searchsorted(kind[order], np.arange(kinds + 1))
    rows = np.asarray(x[order], dtype=np.float32)
    y, weight, kind_of = y[order], weight[order], kind[order]
    codes = np.zeros(len(y), dtype=np.int64) if grader is None else grader[order]
    graders = 0 if grader is None else int(codes.max()) + 1
    shared, own = columns, columns * (1 + kinds)
    present = [(k, slice(parts[k], parts[k + 1])) for k in range(kinds) if parts[k] < parts[k + 1]]
    held = np.concatenate(
        [
            1 / freedom.common,
            1 / freedom.own.ravel(),
            np.full(graders, 1 / LEVEL_C),
            [1 / BIAS_C],
        ]
    )
    curved = np.zeros((kinds, columns))
    for k, part in present:
        curved[k] = weight[part] @ rows[part] ** 2 / 4
    levels = np.bincount(codes, weight, graders) / 4 if graders else np.zeros(0)
    steep = np.concatenate([curved.sum(axis=0), curved.ravel(), levels, [weight.sum() / 4]])
    # In steps of the size that each weight takes the minimiser ends after tens of rounds.
    step = 1 / np.sqrt(held + steep)

    def loss(scaled: FloatArray) -> tuple[float, FloatArray]:
        theta = step * scaled
        common, apart = theta[:shared], theta[shared:own].reshape(kinds, columns)
        z = start_bias[kind_of] + theta[-1]
        for k, part in present:
            z[part] += rows[part] @ (start[k] + common + apart[k]).astype(np.float32)
        if graders:
            z += theta[own:-1][codes]
        residual = weight * (sigmoid(z) - y)
        value = weight @ (np.logaddexp(0, z) - y * z) + 0.5 * (held * theta) @ theta
        gradient = held * theta
        for k, part in present:
            slope = residual[part].astype(np.float32) @ rows[part]
            gradient[:shared] += slope
            gradient[shared + k * columns : shared + (k + 1) * columns] += slope
        if graders:
            gradient[own:-1] += np.bincount(codes, residual, graders)
        gradient[-1] += residual.sum()
        return float(value), step * gradient

    bounds = None
    if sign is not None:
        room = np.maximum((sign * start).min(axis=0), 0.0) / step[:shared]
        bounds = [
            *(_sided(int(s), float(r)) for s, r in zip(sign, room, strict=True)),
            *[_sided(int(s), 0.0) for s in sign] * kinds,
            *[(None, None)] * (graders + 1),
        ]
    end = minimize(
        loss,
        np.zeros(len(held)),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": MAX_ITERATIONS, "ftol": LOSS_TOLERANCE},
    )
    found = step * end.x
    level = np.zeros(kinds)
    if graders:
        given = found[own:-1][codes]
        for k, part in present:
            level[k] = np.average(given[part], weights=weight[part])
    moved = start + found[:shared] + found[shared:own].reshape(kinds, columns)
    return moved, start_bias + float(found[-1]) + level


def _sided(sign: int, room: float) -> tuple[float | None, float | None]:
    """Bounds of a weight that may move against its sign by no more than `room`."""
    return (-room if sign > 0 else None, room if sign < 0 else None)
