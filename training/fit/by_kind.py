"""Logistic regression with weights for each kind of row, drawn towards weights that all share.

Minimises sum_i w_i log-loss(y_i, x_i @ (b0_k + common + own_k) + level_g + c) with ridge penalties
on `common`, each `own_k` and each `level_g`, k being the kind of row i and g who graded it. A kind
with few rows stays with the others; one with many goes its own way. Graders differ in what they
call good: their levels are terms of their own, of which a kind keeps the mean over its rows.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.optimize import minimize

from router.decide.heads import sigmoid
from router.types import FloatArray, IntArray
from training.fit.constants import (
    BIAS_C,
    LEVEL_C,
    LOSS_TOLERANCE,
    MAX_ITERATIONS,
    STEPS_REMEMBERED,
)

_Bounds = list[tuple[float | None, float | None]]


@dataclass(frozen=True, kw_only=True)
class Freedom:
    """How far weights may move: C of the shared ones (c,) and of each kind's own (k, c)."""

    common: FloatArray
    own: FloatArray


@dataclass(frozen=True, kw_only=True)
class Rows:
    """`x` (n, c), `kind` (n,), labels `y` (n,) 0..1, `weight` (n,), `grader` (n,) from 0."""

    x: FloatArray
    kind: IntArray
    y: FloatArray
    weight: FloatArray
    grader: IntArray | None = None


def fit_by_kind(
    rows: Rows,
    freedom: Freedom,
    *,
    start: FloatArray,
    start_bias: FloatArray,
    sign: IntArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Weights (k, c) and intercepts (k,), from `start` (k, c) and `start_bias` (k,).

    `sign` (c,): 1 where no weight may be below 0, -1 where none may be above, else 0.
    """
    live = np.flatnonzero(np.any(rows.x, axis=0))  # of the others nothing can be learned
    order = np.argsort(rows.kind, kind="stable")
    problem = _Problem(
        rows=Rows(
            x=np.asarray(rows.x[np.ix_(order, live)], dtype=np.float32),
            kind=rows.kind[order],
            y=rows.y[order],
            weight=rows.weight[order],
            grader=np.zeros_like(rows.kind) if rows.grader is None else rows.grader[order],
        ),
        freedom=Freedom(common=freedom.common[live], own=freedom.own[:, live]),
        start=start[:, live],
        start_bias=start_bias,
        graders=0 if rows.grader is None else int(rows.grader.max()) + 1,
    )
    found = problem.solved(None if sign is None else sign[live])
    weights = start.copy()
    weights[:, live] += found.common + found.own
    return weights, start_bias + found.bias + problem.levels_kept(found)


@dataclass(frozen=True)
class _Terms:
    """What is fitted: shared weights (c,), each kind's own (k, c), levels (g,), an intercept."""

    common: FloatArray
    own: FloatArray
    level: FloatArray
    bias: float


@dataclass(frozen=True, kw_only=True)
class _Problem:
    """The loss and its gradient in one vector of terms; rows stand in the order of their kinds."""

    rows: Rows
    freedom: Freedom
    start: FloatArray
    start_bias: FloatArray
    graders: int

    @cached_property
    def parts(self) -> list[tuple[int, slice]]:
        """Where the rows of each kind stand, of the kinds that there are."""
        ends = np.searchsorted(self.rows.kind, np.arange(len(self.start) + 1)).tolist()
        return [(k, slice(a, b)) for k, (a, b) in enumerate(pairwise(ends)) if a < b]

    @cached_property
    def held(self) -> FloatArray:
        """How strongly every term is held back."""
        levels = np.full(self.graders, 1 / LEVEL_C)
        return _flat(_Terms(1 / self.freedom.common, 1 / self.freedom.own, levels, 1 / BIAS_C))

    @cached_property
    def step(self) -> FloatArray:
        """How far each term moves about; in such units a fit ends after tens of rounds."""
        rows = self.rows
        curved = np.zeros_like(self.start)
        for k, part in self.parts:
            curved[k] = rows.weight[part] @ rows.x[part] ** 2 / 4
        levels = self._by_grader(rows.weight / 4)
        steep = _Terms(curved.sum(axis=0), curved, levels, float(rows.weight.sum() / 4))
        step: FloatArray = 1 / np.sqrt(self.held + _flat(steep))
        return step

    def solved(self, sign: IntArray | None) -> _Terms:
        """The terms of least loss."""
        end = minimize(
            self._loss,
            np.zeros(len(self.held)),
            jac=True,
            method="L-BFGS-B",
            bounds=None if sign is None else self._bounds(sign),
            options={
                "maxiter": MAX_ITERATIONS,
                "ftol": LOSS_TOLERANCE,
                "maxcor": STEPS_REMEMBERED,
            },
        )
        return self._terms(self.step * end.x)

    def levels_kept(self, found: _Terms) -> FloatArray:
        """The mean level of the graders of each kind, over its rows, shape (k,)."""
        out = np.zeros(len(self.start))
        if self.graders:
            given = found.level[self.rows.grader]
            for k, part in self.parts:
                out[k] = np.average(given[part], weights=self.rows.weight[part])
        return out

    def _loss(self, scaled: FloatArray) -> tuple[float, FloatArray]:
        theta = self.step * scaled
        rows, terms = self.rows, self._terms(theta)
        z = self.start_bias[rows.kind] + terms.bias
        for k, part in self.parts:
            weights = self.start[k] + terms.common + terms.own[k]
            z[part] += rows.x[part] @ weights.astype(np.float32)
        if self.graders:
            z += terms.level[rows.grader]
        residual = rows.weight * (sigmoid(z) - rows.y)
        value = rows.weight @ (np.logaddexp(0, z) - rows.y * z)
        slopes = np.zeros_like(self.start)
        for k, part in self.parts:
            slopes[k] = residual[part].astype(np.float32) @ rows.x[part]
        down = _Terms(slopes.sum(axis=0), slopes, self._by_grader(residual), float(residual.sum()))
        gradient = self.held * theta + _flat(down)
        return float(value + 0.5 * (self.held * theta) @ theta), self.step * gradient

    def _by_grader(self, values: FloatArray) -> FloatArray:
        if self.rows.grader is None or not self.graders:
            return np.zeros(0)
        return np.bincount(self.rows.grader, values, self.graders).astype(np.float64)

    def _terms(self, theta: FloatArray) -> _Terms:
        kinds, columns = self.start.shape
        own = columns * (1 + kinds)
        apart = theta[columns:own].reshape(kinds, columns)
        return _Terms(theta[:columns], apart, theta[own:-1], float(theta[-1]))

    def _bounds(self, sign: IntArray) -> _Bounds:
        kinds, columns = self.start.shape
        room = np.maximum((sign * self.start).min(axis=0), 0.0) / self.step[:columns]
        shared = [_sided(int(s), float(r)) for s, r in zip(sign, room, strict=True)]
        own = [_sided(int(s), 0.0) for s in sign] * kinds
        return [*shared, *own, *[(None, None)] * (self.graders + 1)]


def _flat(terms: _Terms) -> FloatArray:
    return np.concatenate([terms.common, terms.own.ravel(), terms.level, [terms.bias]])


def _sided(sign: int, room: float) -> tuple[float | None, float | None]:
    """Bounds of a weight that may move against its sign by no more than `room`."""
    return (-room if sign > 0 else None, room if sign < 0 else None)
