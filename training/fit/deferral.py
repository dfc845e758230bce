"""What looking would show: the moves of the gain, by where the request stood before."""

import numpy as np

from router.registry.artifact import GRID, MOVES
from router.types import FloatArray
from training.fit.constants import NEAREST_REQUESTS


def look_table(before: FloatArray, after: FloatArray) -> FloatArray:
    """Moves of the gain at every cell of (p_local, p_cloud), shape (GRID, GRID, MOVES).

    `before` and `after` (n, 2) hold p_local and p_cloud of the same requests before and after the
    look, on rows that neither was fitted on. A cell takes the 400 nearest requests; their moves
    are set around 0, since what is known beforehand is no news (calibrated beliefs are a
    martingale).
    """
    gain = (after[:, 1] - after[:, 0]) - (before[:, 1] - before[:, 0])
    centres = (np.arange(GRID) + 0.5) / GRID
    at = (np.arange(MOVES) + 0.5) / MOVES
    near = min(NEAREST_REQUESTS, len(gain))
    out = np.zeros((GRID, GRID, MOVES), dtype=np.float32)
    for i, local in enumerate(centres):
        for j, cloud in enumerate(centres):
            distance = (before[:, 0] - local) ** 2 + (before[:, 1] - cloud) ** 2
            chosen = gain[np.argpartition(distance, near - 1)[:near]]
            quantiles = np.quantile(chosen, at)
            out[i, j] = quantiles - quantiles.mean()
    return out


def borne_out(before: FloatArray, after: FloatArray, gained: FloatArray) -> float:
    """Share of the gain's moves that outcomes bear out, 0..1; 1 for calibrated beliefs.

    The slope of what was gained, cloud's score less local's (n,), beyond the gain expected before,
    over the moves. A verifier that is moved by what means nothing must not be thought to see much.
    """
    expected = before[:, 1] - before[:, 0]
    move = (after[:, 1] - after[:, 0]) - expected
    known = np.isfinite(gained)
    spread = float(np.mean(move[known] ** 2)) if known.any() else 0.0
    if not spread:
        return 1.0
    return float(np.clip(np.mean(move[known] * (gained - expected)[known]) / spread, 0.0, 1.0))
