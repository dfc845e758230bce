"""What could be learned from a log: lessons of growing boldness, for a judge to choose among.

The champion wins ties. Part-way lessons are the mean of two judges with errors of their own, and
rank better than either; labels that would judge them share the errors of those they were made from,
so they are asked whether a lesson is better than the champion, never which of the lessons is best.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from router.types import FloatArray
from training.data.log import Window
from training.fit.blend import blended, with_level_of
from training.fit.constants import FOLDS_PRIOR
from training.fit.head import KEPT, TIERS, Base
from training.fit.heads import Fitted
from training.pipelines.agreement import mixed
from training.pipelines.constants import (
    BOTH_SIDES,
    PART_WAYS,
    RATED_PART_WAYS,
    TRUE_WEIGHT,
)
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
    """What lessons are made from: labels of the past, soft ones by agreement and true ones."""

    known: TrainingSet
    soft: pd.DataFrame
    true: pd.DataFrame
    drawn: frozenset[str]
    window: Window
    before: Fitted
    base: Base
    cut: float

    def lessons(self, seed: int) -> list[Lesson]:
        """Every lesson that these labels bear, in the order in which they are preferred."""
        found = self._of_agreement(seed) if len(self.soft) else self._of_ratings(seed)
        return [Lesson(name=name, fitted=f, cut=self._cut(f)) for name, f in found]

    def _of_agreement(self, seed: int) -> list[tuple[str, Fitted]]:
        """Labels drawn by lot replace what agreement says of the same answers.

        Volunteers' ratings only add where agreement is silent: whose answer is rated depends on how
        good it was, so in the place of other labels they would move the level of those rated.
        """
        keys = ["prompt_id", "tier"]
        covered = pd.MultiIndex.from_frame(self.true[keys]).isin(
            pd.MultiIndex.from_frame(self.soft[keys])
        )
        rows = mixed(
            self.soft, self.true[self.true["prompt_id"].isin(self.drawn) | ~covered], TRUE_WEIGHT
        )
        fitted = self.known.fit(rows, base=self.base, seed=seed)
        moved = calibrated(
            self.before, self.known.features, rows, self.known.position, prior=FOLDS_PRIOR
        )
        return [*self._towards(fitted, PART_WAYS), ("slope and level", moved)]

    def _of_ratings(self, seed: int) -> list[tuple[str, Fitted]]:
        """Each head from its own tier's labels; only where there are good and bad ones of it.

        Who rates is unknown, so ratings teach which answers are better, and no level.
        """
        able = [t for t in TIERS if _both_sides(self.true[self.true["tier"] == t])]
        rows = self.true[self.true["tier"].isin(able)]
        if not able:
            return [("slope and level", self._recalibrated(self.before, TIERS))]
        fitted = self.known.fit(rows, base=self.base, own_only=True, seed=seed)
        fitted = self._recalibrated(fitted, [t for t in TIERS if fitted.strength[t] == KEPT])
        level = with_level_of(fitted, self.before, self.window.features, self.window.pair)
        return [
            *self._towards(level, RATED_PART_WAYS),
            ("slope and level", self._recalibrated(self.before, TIERS)),
        ]

    def _recalibrated(self, fitted: Fitted, tiers: "tuple[str, ...] | list[str]") -> Fitted:
        known = self.known
        return calibrated(
            fitted, known.features, self.true, known.position, prior=FOLDS_PRIOR, tiers=tiers
        )

    def _towards(
        self, fitted: Fitted, ways: tuple[tuple[str, tuple[float, float]], ...]
    ) -> list[tuple[str, Fitted]]:
        return [(name, blended(self.before, fitted, share)) for name, share in ways]

    def _cut(self, fitted: Fitted) -> float:
        """The cut that sends as many of these requests to the cloud as the champion's does.

        A lesson changes which requests go, not how many: labels whose level nobody knows must not
        decide what is spent.
        """
        share = float(np.mean(self._gain(self.before) > self.cut))
        if share in (0.0, 1.0):
            return self.cut
        return float(np.quantile(self._gain(fitted), 1 - share, method="higher"))

    def _gain(self, fitted: Fitted) -> FloatArray:
        p_local, p_cloud = fitted.predict(self.window.features, self.window.pair)
        return p_cloud - p_local


def _both_sides(rows: pd.DataFrame) -> bool:
    good = int((rows["score"] >= 0.5).sum())
    return min(good, len(rows) - good) >= BOTH_SIDES
