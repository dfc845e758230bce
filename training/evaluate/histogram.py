"""Measures of probabilities as sums over pieces: what is kept of any number of rows is a histogram.

Rows fall into bins of equal width of the probability. Brier score and log loss are exact; ECE and
AUC see the bins, so they are right to about one over their number.
"""

import numpy as np
from numpy.typing import NDArray

from router.types import FloatArray
from training.evaluate.constants import ECE_BINS, GOOD_SCORE, PROBABILITY_BINS

_SUMS = 4  # of each bin: rows, probabilities, scores, good answers
_EDGE = 1e-12


def histogram(p: FloatArray, score: FloatArray) -> NDArray[np.float64]:
    """Sums of some rows, shape (PROBABILITY_BINS + 1, 4); the last line has losses. Add them up.

    `p` and `score` (n,) lie in 0..1.
    """
    bins = np.minimum((p * PROBABILITY_BINS).astype(np.int64), PROBABILITY_BINS - 1)
    out = np.zeros((PROBABILITY_BINS + 1, _SUMS))
    for i, value in enumerate((np.ones(len(p)), p, score, (score >= GOOD_SCORE) * 1.0)):
        out[:-1, i] = np.bincount(bins, weights=value, minlength=PROBABILITY_BINS)
    kept = np.clip(p, _EDGE, 1 - _EDGE)
    loss = -(score * np.log(kept) + (1 - score) * np.log1p(-kept))
    out[-1, :2] = ((p - score) ** 2).sum(), loss.sum()
    return out


def measures(found: NDArray[np.float64]) -> dict[str, float]:
    """Rows, Brier score, log loss, ECE and AUC of what was added up.

    >>> one = histogram(np.array([0.2, 0.9]), np.array([0.0, 1.0]))
    >>> measures(one)["auc"], round(measures(one)["brier"], 3)
    (1.0, 0.025)
    """
    count, p, score, good = found[:-1].T
    rows = float(count.sum())
    if not rows:
        return {"rows": 0.0}
    # ECE over bins of equal size: whole bins of the histogram, by where their middle row stands.
    place = (np.cumsum(count) - count / 2) * ECE_BINS / rows
    lot = np.minimum(place.astype(np.int64), ECE_BINS - 1)
    off = np.bincount(lot, weights=p - score, minlength=ECE_BINS)
    bad = count - good
    below = np.cumsum(bad) - bad
    pairs = float(good.sum() * bad.sum())
    return {
        "rows": rows,
        "brier": float(found[-1, 0]) / rows,
        "log_loss": float(found[-1, 1]) / rows,
        "ece": float(np.abs(off).sum()) / rows,
        "auc": float(good @ (below + bad / 2)) / pairs if pairs else float("nan"),
    }
