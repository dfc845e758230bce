"""The three acts on known outcomes: what looking buys at a given share of the cloud."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from router.decide.deferral import moves, value_of
from router.types import FloatArray
from training.evaluate.constants import BISECTIONS, PRICES, SHARES


@dataclass(frozen=True)
class Stages:
    """What is known of the same n requests at each stage, as p_local and p_cloud, shape (n, 2).

    `prompt`: from the prompt alone; `answer`: with the local answer read; `opinion`: with a second
    opinion. `look` (2, GRID, GRID, MOVES): see `router.decide.deferral`.
    """

    prompt: FloatArray
    answer: FloatArray
    opinion: FloatArray
    look: FloatArray

    @cached_property
    def _gains(self) -> list[FloatArray]:
        return [p[:, 1] - p[:, 0] for p in (self.prompt, self.answer, self.opinion)]

    @cached_property
    def _moves(self) -> list[FloatArray]:
        return [
            moves(table, p[:, 0], p[:, 1])
            for table, p in zip(self.look, (self.prompt, self.answer), strict=True)
        ]

    def _routed(self, threshold: float, price: float) -> tuple[FloatArray, FloatArray]:
        """Which requests go to the cloud and which were looked at, as 0/1, shapes (n,).

        What its prompt sends to the cloud goes there at once unless looking is worth its price. All
        else is answered locally and read, which costs nothing more; a second opinion is asked where
        it is then still worth its price.
        """
        gains = self._gains
        by_prompt, by_answer = (
            value_of(g, m, threshold) for g, m in zip(gains[:2], self._moves, strict=True)
        )
        read = (by_prompt > price) | (gains[0] <= threshold)
        asked = read & (by_answer > price)
        gain = np.where(asked, gains[2], np.where(read, gains[1], gains[0]))
        return (gain > threshold) * 1.0, asked * 1.0

    def at_share(self, share: float, price: float) -> tuple[FloatArray, FloatArray]:
        """`_routed` at the threshold that sends about `share` of the requests to the cloud."""
        low, high = -1.0, 1.0
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            sent = self._routed(middle, price)[0].mean()
            low, high = (middle, high) if sent > share else (low, middle)
        return self._routed(high, price)


def quality(cloud: FloatArray, local_score: FloatArray, cloud_score: FloatArray) -> float:
    """Mean score when the requests marked 1 in `cloud` are answered there."""
    return float(np.mean(np.where(cloud > 0, cloud_score, local_score)))


def quality_at(
    gain: FloatArray, share: float, local_score: FloatArray, cloud_score: FloatArray
) -> float:
    """Mean score when the `share` of highest gain goes to the cloud."""
    count = round(share * len(gain))
    cloud = np.zeros(len(gain))
    cloud[np.argsort(-gain, kind="stable")[:count]] = 1.0
    return quality(cloud, local_score, cloud_score)


def policies(stages: Stages, local: FloatArray, cloud: FloatArray) -> dict[str, dict[str, float]]:
    """Quality, looks per request and cloud share of every policy at every share of the cloud."""
    out: dict[str, dict[str, float]] = {}
    for share in SHARES:
        key = f"{share:.0%} cloud"
        for name, p, looks in (
            ("prompt alone", stages.prompt, 0.0),
            ("answer read", stages.answer, 0.0),
            ("always look", stages.opinion, 1.0),
        ):
            found = quality_at(p[:, 1] - p[:, 0], share, local, cloud)
            out[f"{name}, {key}"] = {"quality": found, "looks": looks, "cloud": share}
        for price in PRICES:
            sent, asked = stages.at_share(share, price)
            out[f"three acts at {price:g}, {key}"] = {
                "quality": quality(sent, local, cloud),
                "looks": float(asked.mean()),
                "cloud": float(sent.mean()),
            }
    return out
