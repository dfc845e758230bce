"""What later ratings say of a lesson: whether it orders answers better, whoever rates what.

A rating speaks of one tier's answer, so it tells nothing of equal cost; but a lesson whose heads
know better which answers are good routes better, if both its heads were moved together. Ratings are
compared within a key and a tier: how strict somebody is, and how much readier to rate good answers
or bad, moves the level alone (Prentice and Pyke 1979), which is set anew for either model.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from router.decide.heads import sigmoid
from router.monitor.constants import GAMMA
from router.types import FloatArray, IntArray
from training.evaluate.constants import GOOD_SCORE
from training.fit.heads import Fitted
from training.pipelines.constants import LEVEL_EDGE
from training.pipelines.training_set import TrainingSet


def order_gains(
    known: TrainingSet, fits: Sequence[Fitted], rows: pd.DataFrame, rater: Sequence[str]
) -> list[FloatArray]:
    """By how much the second fit's log loss is lower, per row of `rows`, weights counted in, (n,).

    First as rated; then as if good answers had been rated GAMMA times as readily as bad ones, and
    GAMMA times less so.
    """
    cells = pd.factorize(pd.Series([f"{t} {r}" for t, r in zip(rows["tier"], rater, strict=True)]))
    y = rows["score"].to_numpy(dtype="float64")
    out = []
    for odds in (1.0, GAMMA, 1 / GAMMA):
        weight = rows["weight"].to_numpy(dtype="float64")
        weight = weight * np.where(y >= GOOD_SCORE, 1 / odds, 1.0)
        loss = [_losses(_logits(known, f, rows), y, weight, cells[0]) for f in fits]
        out.append((loss[0] - loss[1]) * weight / weight.mean())
    return out


def _logits(known: TrainingSet, fitted: Fitted, rows: pd.DataFrame) -> FloatArray:
    p = np.clip(known.probabilities(fitted, rows), LEVEL_EDGE, 1 - LEVEL_EDGE)
    logits: FloatArray = np.log(p / (1 - p))
    return logits


def _losses(z: FloatArray, y: FloatArray, weight: FloatArray, cell: IntArray) -> FloatArray:
    """Log loss of every row, each cell's logits shifted to the mean of its ratings."""
    low, high = (np.full(int(cell.max()) + 1, end) for end in (-20.0, 20.0))
    total = np.bincount(cell, weight)
    most = 1 - 0.5 / np.bincount(cell)  # half an answer is thought of as the other way
    wanted = np.clip(np.bincount(cell, weight * y) / total, 1 - most, most)
    for _ in range(60):
        middle = (low + high) / 2
        below = np.bincount(cell, weight * sigmoid(z + middle[cell])) / total < wanted
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    moved: Any = z + low[cell]
    loss: FloatArray = np.logaddexp(0, moved) - y * moved
    return loss
