"""Weights by kind of evidence: shared where rows are few, apart where they are many."""

import numpy as np
import pytest

from router.decide.heads import sigmoid
from router.types import FloatArray, IntArray
from training.fit.by_kind import Freedom, fit_by_kind

EVEN = Freedom(common=np.full(2, 1.0), own=np.full((2, 2), 1.0))


def made(counts: tuple[int, int], truth: FloatArray) -> tuple[FloatArray, IntArray, FloatArray]:
    """Rows of two kinds, whose outcomes follow `truth` (2, 2)."""
    rng = np.random.default_rng(0)
    kind = np.repeat([0, 1], counts)
    x = rng.normal(size=(len(kind), 2))
    p = sigmoid((x * truth[kind]).sum(axis=1))
    return x, kind, (rng.random(len(kind)) < p) * 1.0


def fitted(
    x: FloatArray, kind: IntArray, y: FloatArray, grader: IntArray | None = None
) -> tuple[FloatArray, FloatArray]:
    return fit_by_kind(
        x,
        kind,
        y,
        np.ones(len(y)),
        EVEN,
        start=np.zeros((2, 2)),
        start_bias=np.zeros(2),
        grader=grader,
    )


def test_a_kind_with_many_rows_goes_its_own_way() -> None:
    truth = np.array([[2.0, 0.0], [-2.0, 0.0]])
    weights, _ = fitted(*made((3000, 3000), truth))
    assert np.allclose(weights, truth, atol=0.3)


def test_a_kind_with_few_rows_or_none_stays_with_the_others() -> None:
    x, kind, y = made((3000, 0), np.array([[2.0, 0.0], [0.0, 0.0]]))
    weights, _ = fitted(x, kind, y)
    assert 0.5 < weights[1, 0] <= weights[0, 0]


def test_what_graders_call_good_moves_the_level_and_not_the_weights() -> None:
    rng = np.random.default_rng(1)
    grader = rng.integers(0, 2, 6000)
    x = rng.normal(size=(6000, 2))
    x[:, 1] += grader  # what only the strict grader's answers have
    strict = np.where(grader == 1, -2.0, 2.0)
    y = (rng.random(6000) < sigmoid(x[:, 0] + strict)) * 1.0
    kind = np.zeros(6000, dtype=np.int64)
    weights, bias = fitted(x, kind, y, grader)
    blind, _ = fitted(x, kind, y)
    assert abs(weights[0, 1]) < 0.2 and blind[0, 1] < -0.4
    assert abs(bias[0]) < 0.4


@pytest.mark.parametrize("sign", [1, -1])
def test_a_sign_is_kept_whatever_the_sample_says(sign: int) -> None:
    x, kind, y = made((500, 500), np.array([[-2.0 * sign, 1.0], [-1.0 * sign, 1.0]]))
    weights, _ = fit_by_kind(
        x,
        kind,
        y,
        np.ones(len(y)),
        EVEN,
        start=np.zeros((2, 2)),
        start_bias=np.zeros(2),
        sign=np.array([sign, 0]),
    )
    assert np.allclose(weights[:, 0], 0, atol=1e-6) and (weights[:, 1] > 0.5).all()


def test_a_column_that_never_varies_keeps_its_weights() -> None:
    x, kind, y = made((200, 200), np.ones((2, 2)))
    x[:, 1] = 0.0
    start = np.full((2, 2), 0.7)
    weights, _ = fit_by_kind(x, kind, y, np.ones(len(y)), EVEN, start=start, start_bias=np.zeros(2))
    assert (weights[:, 1] == 0.7).all() and (weights[:, 0] != 0.7).all()
