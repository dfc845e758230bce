"""A promise with a confidence: answers at least so good as always asking the cloud.

For a threshold t, a request x scores s_t(x) = local(x) where its gain is at most t, else cloud(x).
The promise of a floor f (0 < f < 1) is

    E[s_t] >= f E[cloud],   that is   E[Z_t] >= 0   with   Z_t = s_t - f cloud,  -f <= Z_t <= 1.

"With 95 % confidence" speaks of the labels at hand: of all samples of labels, at most one in
twenty may lead to a threshold that breaks the promise. Conformal risk control (arXiv 2208.02814)
bounds the risk averaged over samples, which leaves every second sample free to break it; so here
it is Learn then Test (arXiv 2110.01052, fixed sequence testing), which also needs no loss that is
monotone in t: a local answer that is better than the cloud's counts for what it is.

- At t below all gains everything goes to the cloud and the promise holds. From there t rises, and
  at each t "E[Z_t] <= 0" must be rejected at level delta = 1 - confidence; the last t before the
  first failure is the threshold. An error means that the test failed at the first t that breaks
  the promise, one fixed t, so its probability is at most delta however many t are tried.
- The test is a bet (Waudby-Smith and Ramdas, arXiv 2010.09686): for a stake 0 < b < 1/f,
  W_t(b) = prod_i (1 + b Z_t,i) has mean at most 1 where E[Z_t] <= 0, and so has its mean over
  stakes, W_t. Markov: P(W_t >= 1/delta) <= delta, at every sample size; a t test instead breaks
  one promise in ten with 150 labels. W_t does not depend on the order of the requests.

What must hold: requests to come are exchangeable with those at hand, one row a group (a prompt
asked often counts once), answered by the same two models, and nothing was fitted on them.
"""

from dataclasses import dataclass
from math import log, sqrt

import numpy as np

from router.types import FloatArray

FLOOR_CONFIDENCE = 0.95  # chosen: what "surely" means in tables everywhere
FLOORS = np.arange(50, 100) / 100  # tried for the largest floor that holds
# Of n labels the stake sqrt(2 log(1/delta) / (n variance of Z)) shows the smallest surplus. Chosen:
# variances of Z that outcomes have, from rare losses to answers that are half luck.
_VARIANCES = np.array([0.05, 0.1, 0.2])
_LARGEST_STAKE = 0.98  # chosen: of 1/f, where one lost request would end the bet


@dataclass(frozen=True, slots=True)
class Known:
    """Requests whose answers by both tiers have known scores, and that nothing was fitted on.

    `gain` as served, `local` and `cloud` scores 0..1; all (n,), one row a group. `words`: what
    they are; without any, a sentence that says why there are none.
    """

    gain: FloatArray
    local: FloatArray
    cloud: FloatArray
    words: str

    @classmethod
    def nothing(cls, words: str) -> "Known":
        """No requests, and why."""
        none = np.zeros(0)
        return cls(none, none, none, words)

    def __len__(self) -> int:
        return len(self.gain)


def threshold_for_floor(known: Known, floor: float, confidence: float) -> float | None:
    """The largest threshold that keeps the promise; None where no request can surely stay.

    >>> good = Known(np.linspace(-1, 1, 200), np.ones(200), np.ones(200), "")
    >>> threshold_for_floor(good, 0.95, 0.95)
    1.0
    """
    if not len(known):
        return None
    order = np.argsort(known.gain, kind="stable")
    gain, local, cloud = known.gain[order], known.local[order], known.cloud[order]
    ends = np.append(gain[1:] > gain[:-1], True)  # a threshold cannot split equal gains
    held = _log_wealth(local, cloud, floor, confidence)[ends] >= -log(1 - confidence)
    kept = len(held) if held.all() else int(np.argmin(held))
    return float(gain[ends][kept - 1]) if kept else None


def floor_at(known: Known, threshold: float, confidence: float) -> float | None:
    """The largest floor, to the hundredth, that surely holds at `threshold`; None below .50."""
    stays = known.gain[known.gain <= threshold]
    best = None
    for floor in FLOORS.tolist():
        found = threshold_for_floor(known, floor, confidence)
        if found is None or (len(stays) and stays.max() > found):
            break
        best = floor
    return best


def labels_needed(cloud: FloatArray, floor: float, confidence: float) -> int:
    """With how many labels the promise could first be shown, were no local answer worse.

    `cloud`: scores of the cloud's answers as far as known; without any they are taken for 1.

    >>> labels_needed(np.ones(3), 0.95, 0.95), labels_needed(np.ones(3), 0.9, 0.95)
    (67, 30)
    """
    surplus = (1 - floor) * (float(np.mean(cloud)) if np.any(cloud > 0) else 1.0)
    low, high = 1, 1
    while not _could_hold(high, surplus, floor, confidence):
        low, high = high + 1, 2 * high
    while low < high:
        middle = (low + high) // 2
        if _could_hold(middle, surplus, floor, confidence):
            high = middle
        else:
            low = middle + 1
    return high


def _could_hold(labels: int, surplus: float, floor: float, confidence: float) -> bool:
    growth = labels * np.log1p(_stakes(labels, floor, confidence) * surplus)
    return bool(_log_mean_exp(growth[:, None])[0] >= -log(1 - confidence))


def _stakes(labels: int, floor: float, confidence: float) -> FloatArray:
    """The stakes b, each below 1/f, shape (3,). They depend on no outcome."""
    best = sqrt(-2 * log(1 - confidence) / labels) / np.sqrt(_VARIANCES)
    stakes: FloatArray = np.minimum(best, _LARGEST_STAKE / floor)
    return stakes


def _log_wealth(
    local: FloatArray, cloud: FloatArray, floor: float, confidence: float
) -> FloatArray:
    """log W with the first k requests local and the others in the cloud, k = 1..n, shape (n,)."""
    stakes = _stakes(len(local), floor, confidence)[:, None]
    stays = np.log1p(stakes * (local - floor * cloud))
    leaves = np.log1p(stakes * (1 - floor) * cloud)
    return _log_mean_exp(np.cumsum(stays - leaves, axis=1) + leaves.sum(axis=1, keepdims=True))


def _log_mean_exp(logs: FloatArray) -> FloatArray:
    """log of the mean of exp over the first axis, without overflow."""
    most = logs.max(axis=0)
    out: FloatArray = most + np.log(np.exp(logs - most).mean(axis=0))
    return out
