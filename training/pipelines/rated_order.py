"""What later ratings say of a lesson: whether it orders answers better, whoever rates what.

A rating speaks of one tier's answer, so it tells nothing of equal cost; but a lesson whose heads
know better which answers are good routes better, if both its heads were moved together. Ratings are
compared within a key and a tier: how strict somebody is, and how much readier to rate good answers
or bad, moves the level alone (Prentice and Pyke 1979), which is set anew for either model.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from router.decide.heads import logit
from router.monitor.constants import GAMMA
from router.types import FloatArray, IntArray
from training.evaluate.constants import GOOD_SCORE
from training.fit.calibrate import shift_to_ratings
from training.fit.heads import Fitted
from training.pipelines.constants import LEVEL_EDGE
from training.pipelines.training_set import TrainingSet

BOUNDS = (1.0, GAMMA, 1 / GAMMA)  # odds of rating good answers and bad: as rated, and how far off


def order_gains(
    known: TrainingSet,
    fits: Sequence[Fitted],
    rows: pd.DataFrame,
    rater: Sequence[str],
    odds: Sequence[float] = BOUNDS,
) -> list[FloatArray]:
    """By how much the second fit's log loss is lower, per row of `rows`, weights counted in, (n,).

    Once for each of `odds`: as if good answers had been rated so many times as readily as bad ones.
    """
    cell = pd.factorize(pd.Series([f"{t} {r}" for t, r in zip(rows["tier"], rater, strict=True)]))[
        0
    ]
    y = rows["score"].to_numpy(dtype="float64")
    logits = [logit(known.probabilities(f, rows), LEVEL_EDGE) for f in fits]
    out = []
    for times in odds:
        weight = rows["weight"].to_numpy(dtype="float64")
        weight = weight * np.where(y >= GOOD_SCORE, 1 / times, 1.0)
        loss = [_losses(z, y, weight, cell) for z in logits]
        out.append((loss[0] - loss[1]) * weight / weight.mean())
    return out


def _losses(z: FloatArray, y: FloatArray, weight: FloatArray, cell: IntArray) -> FloatArray:
    """Log loss of every row, each cell's logits shifted to the mean of its ratings."""
    moved = z.copy()
    for one in np.unique(cell):
        mine = cell == one
        moved[mine] += shift_to_ratings(z[mine], y[mine], weight[mine])
    loss: FloatArray = np.logaddexp(0, moved) - y * moved
    return loss
