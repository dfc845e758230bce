"""What could be learned from a log: lessons of growing boldness, for a judge to choose among.

The champion wins ties. Part-way lessons are the mean of two judges with errors of their own, and
rank better than either; labels that would judge them share the errors of those they were made from,
so they are asked whether a lesson is better than the champion, never which of the lessons is best.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from router.registry.gates import JUDGED_ROWS
from router.types import FloatArray
from training.data.columns import among
from training.data.log import Window
from training.fit.blend import blended, with_level_of
from training.fit.constants import FOLDS_PRIOR, HEAD_C
from training.fit.head import TIERS, Base
from training.fit.heads import Fitted
from training.pipelines.constants import (
    BOTH_SIDES,
    OTHER_TIER,
    PART_WAYS,
    RATED_PART_WAYS,
)
from training.pipelines.levels import as_expected_of
from training.pipelines.prompts import calibrated
from training.pipelines.training_set import TrainingSet


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A candidate: what it is, its heads, and the cut on the gain that it would serve with."""

    name: str
    fitted: Fitted
    cut: float


@dataclass(frozen=True, kw_only=True)
class Lecture:
    """What lessons are made from: labels of the past, soft ones by agreement and true ones.

    `drawn`: decisions labelled by lot; `rater`: decision -> whose label it is, "" if it was drawn.
    """

    known: TrainingSet
    soft: pd.DataFrame
    true: pd.DataFrame
    drawn: frozenset[str]
    rater: Mapping[str, str]
    window: Window
    before: Fitted
    base: Base
    cut: float

    def lessons(self, seed: int) -> list[Lesson]:
        """Every lesson that these labels bear, in the order in which they are preferred."""
        enough = len(self.soft) >= JUDGED_ROWS * len(TIERS)
        found = self._of_agreement(seed) if enough else self._of_ratings(seed)
        return [Lesson(name=name, fitted=f, cut=self._cut(f)) for name, f in found]

    def _of_agreement(self, seed: int) -> list[tuple[str, Fitted]]:
        """Agreement, its levels set by labels, and ratings beside it.

        Ratings add to it and replace nothing: whose answer is rated depends on how good it was.
        """
        rows = pd.concat([self.soft, self._rated()], ignore_index=True)
        fitted = self.known.fit(
            rows, base=self.base, own_only=len(self.true) > 0, strength=HEAD_C, seed=seed
        )
        moved = self._recalibrated(pd.concat([self.soft, self._drawn()], ignore_index=True))
        return [*self._towards(fitted, PART_WAYS), ("slope and level", moved)]

    def _of_ratings(self, seed: int) -> list[tuple[str, Fitted]]:
        """Both heads from ratings of either tier, where both tiers have good and bad ones.

        A head moved alone spoils the order: what both models find hard would look like a gain. Who
        rates is known in part only, so ratings teach which answers are better, and no level.
        """
        moved = ("slope and level", self._recalibrated(self.true))
        if not all(_both_sides(self.true[self.true["tier"] == t]) for t in TIERS):
            return [moved]
        fitted = self.known.fit(
            self._rated(), base=self.base, own_only=True, strength=HEAD_C, seed=seed
        )
        level = with_level_of(fitted, self.before, self.window.features, self.window.pair)
        return [*self._towards(level, RATED_PART_WAYS), moved]

    def _drawn(self) -> pd.DataFrame:
        return self.true[among(self.true["prompt_id"], self.drawn)]

    def _rated(self) -> pd.DataFrame:
        """True labels, and what each says of the answer that the other tier would have given.

        A rating counts as far as its answer is better or worse than what its rater, as strict as
        he is, would say of such answers; the other tier's is expected to be off by as much. So
        whoever rates the bad ones alone does not make all answers bad that are like them.
        """
        true = self.true.reset_index(drop=True)
        if true.empty:
            return true
        believed = self._believed(true)
        raters = true["prompt_id"].map(self.rater)
        off = true["score"].to_numpy() - as_expected_of(true.assign(rater=raters), believed)
        pair, tier = self.window.pair, true["tier"].map({"local": "cloud", "cloud": "local"})
        other = true.assign(tier=tier, model=tier.map(pair), weight=true["weight"] * OTHER_TIER)
        other = other.assign(score=np.clip(self._believed(other) + off, 0.0, 1.0))
        keys = ["prompt_id", "tier"]
        said = pd.MultiIndex.from_frame(other[keys]).isin(pd.MultiIndex.from_frame(true[keys]))
        own = true.assign(score=np.clip(believed + off, 0.0, 1.0))
        return pd.concat([own, other[~said]], ignore_index=True)

    def _believed(self, rows: pd.DataFrame) -> FloatArray:
        """What agreement says of the answers of `rows`, and the champion where nobody was asked."""
        free = self.soft.set_index(["prompt_id", "tier"])["score"]
        free = free[~free.index.duplicated()]
        said = free.reindex(pd.MultiIndex.from_frame(rows[["prompt_id", "tier"]])).to_numpy()
        return np.where(np.isfinite(said), said, self.known.probabilities(self.before, rows))

    def _recalibrated(self, rows: pd.DataFrame) -> Fitted:
        known = self.known
        return calibrated(self.before, known.features, rows, known.position, prior=FOLDS_PRIOR)

    def _towards(
        self, fitted: Fitted, ways: tuple[tuple[str, tuple[float, float]], ...]
    ) -> list[tuple[str, Fitted]]:
        return [(name, blended(self.before, fitted, share)) for name, share in ways]

    def _cut(self, fitted: Fitted) -> float:
        """The cut that sends as many of these requests to the cloud as the champion's does.

        A lesson changes which requests go, not how many: labels whose level nobody knows must not
        decide what is spent.
        """
        if self._share in (0.0, 1.0):
            return self.cut
        return float(np.quantile(self._gain(fitted), 1 - self._share, method="higher"))

    @cached_property
    def _share(self) -> float:
        """Of the requests that the champion sends to the cloud."""
        return float(np.mean(self._gain(self.before) > self.cut))

    def _gain(self, fitted: Fitted) -> FloatArray:
        p_local, p_cloud = fitted.predict(self.window.features, self.window.pair)
        return p_cloud - p_local


def _both_sides(rows: pd.DataFrame) -> bool:
    good = int((rows["score"] >= 0.5).sum())
    return min(good, len(rows) - good) >= BOTH_SIDES
