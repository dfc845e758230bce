"""Who rates: the chance that an answer is rated, and how far raters prefer good answers or bad.

Volunteers choose what they rate. What they choose by request, model's opinion, tier and key is
seen on all requests, rated or not, and undone by weights (Horvitz and Thompson 1952). What they
choose by the answer itself is seen only beside answers drawn by lot: the odds ratio of rating good
answers and bad. Up to GAMMA it is allowed for (sensitivity analysis as in Rosenbaum 2002); beyond,
volunteers teach nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder

from router.labels.label import Label
from router.labels.sources import PERSONS
from router.monitor.constants import GAMMA
from router.types import FloatArray
from training.data.columns import among
from training.evaluate.constants import GOOD_SCORE, WILSON_Z
from training.fit.head import TIERS
from training.pipelines.constants import MOST_RATED_WEIGHT, RATER_C


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """How many times likelier good answers are rated than bad ones, with a 95 % interval.

    `audited`, `rated`: answers drawn by lot and chosen by raters that it rests on.
    """

    value: float
    low: float
    high: float
    audited: int
    rated: int

    @classmethod
    def of(cls, audited: Sequence[Sequence[float]], rated: Sequence[Sequence[float]]) -> "Odds":
        """Scores of answers drawn by lot and of those chosen, both per tier."""
        found = [_log_odds(a, r) for a, r in zip(audited, rated, strict=True) if a and r]
        share = sum(1 / v for _, v in found)
        middle = sum(x / v for x, v in found) / share if found else 0.0
        half = WILSON_Z / sqrt(share) if found else float("inf")
        return cls(
            value=exp(middle),
            low=exp(middle - half),
            high=exp(middle + half),
            audited=sum(map(len, audited)),
            rated=sum(map(len, rated)),
        )

    @property
    def beyond(self) -> bool:
        """Whether they surely lie further from 1 than is allowed for."""
        return self.low > GAMMA or self.high < 1 / GAMMA

    def words(self) -> str:
        """What the audit says of volunteers; empty where it allows them."""
        if not self.beyond:
            return ""
        often = f"{self.value:.0f} times" if self.value > 1 else f"1/{1 / self.value:.0f} times"
        return (
            f"Beside {self.audited} audited answers good ones were rated {often} as readily as bad "
            f"ones (up to {GAMMA:g} times is allowed for); the {self.rated} ratings were left out."
        )


def odds_of(labels: Sequence[Label], audited: Collection[str]) -> Odds:
    """From all of people's labels of a window; `audited`: decisions that were drawn by lot."""
    said = [one for one in labels if one.source in PERSONS]
    sides = [
        [[x.score for x in said if x.tier == t and (x.decision in audited) == drawn] for t in TIERS]
        for drawn in (True, False)
    ]
    return Odds.of(*sides)


def _log_odds(audited: Sequence[float], rated: Sequence[float]) -> tuple[float, float]:
    """Logarithm of the odds ratio and its variance (Haldane 1956: half an answer more each)."""
    counts: list[float] = []
    for scores in (rated, audited):
        good = float(sum(score >= GOOD_SCORE for score in scores))
        counts += [good + 0.5, len(scores) - good + 0.5]
    good, bad, all_good, all_bad = counts
    return log(good / bad * all_bad / all_good), sum(1 / n for n in counts)


def rated_weights(frame: pd.DataFrame, rated: Collection[str]) -> Mapping[str, float]:
    """Decision -> weight of a volunteer's rating: one over its chance of having been rated.

    `frame`: all requests of a window. Weights have a mean of 1 over the rated; nobody's rating
    counts more than MOST_RATED_WEIGHT times.
    """
    served = frame[frame["tier"].isin(TIERS) & frame["p_local"].notna()]
    if served["audited"].notna().any():
        served = served[~served["audited"].eq(True)]
    said = among(served["id"], rated)
    if said.all() or not said.any():
        return {}
    inputs = _columns(served)
    fit = LogisticRegression(C=RATER_C, max_iter=500).fit(inputs, said)
    chance = fit.predict_proba(inputs)[said, 1]
    weight = np.clip(chance.mean() / chance, 1 / MOST_RATED_WEIGHT, MOST_RATED_WEIGHT)
    weight /= weight.mean()
    return dict(zip(served["id"][said], weight.tolist(), strict=True))


def _columns(served: pd.DataFrame) -> FloatArray:
    """What may decide whether an answer is rated, but for how good it was, shape (n, columns)."""
    p = served[["p_local", "p_cloud"]].to_numpy(dtype="float64")
    local = served["tier"].eq("local").to_numpy()
    own = np.where(local, p[:, 0], p[:, 1])
    numbers = np.column_stack([own, own * local, served["gain"].to_numpy(dtype="float64")])
    names = served[["tier", "key", "asks"]].fillna("").astype(str).to_numpy(dtype=object)
    shown = OneHotEncoder(min_frequency=10, handle_unknown="infrequent_if_exist").fit_transform(
        names
    )
    both: FloatArray = np.hstack([numbers, np.asarray(shown.todense())])
    return both
