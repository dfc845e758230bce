"""Moving `champion` and `models/current` together, and only on evidence."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from router.errors import PromotionRefused
from router.registry import artifact as artifacts
from router.registry import versions
from router.registry.artifact import Artifact
from router.types import FloatArray
from training.data.dataset import Dataset
from training.evaluate import metrics
from training.evaluate.metrics import Interval
from training.evaluate.scoring import scored_by

# How much worse the challenger may be at most, with 97.5 % confidence.
QUALITY_MARGIN = 0.01
ECE_MARGIN = 0.02
MIN_ROWS = 50


@dataclass(frozen=True)
class Verdict:
    """Challenger minus champion on the same rows; `reasons` is empty when it may be promoted."""

    rows: int
    quality: Interval
    ece: Interval
    reasons: tuple[str, ...]


def compare(challenger: Artifact, champion: Artifact, data: Dataset, *, seed: int = 0) -> Verdict:
    """Paired bootstrap on rows that neither model was fitted on.

    Quality is compared at equal cost: at the cloud share that the champion's own threshold gives.
    """
    new, old = (
        scored_by(challenger, data, also_unseen_by=champion),
        scored_by(champion, data, also_unseen_by=challenger),
    )
    rows = len(new.gain)
    if rows < MIN_ROWS:
        nothing = Interval(0.0, 0.0, 0.0)
        reason = f"only {rows} rows are new to both models, {MIN_ROWS} are needed"
        return Verdict(rows, nothing, nothing, (reason,))
    share = float(np.mean(old.gain > champion.manifest["threshold"]["default"]))

    def quality(g1: FloatArray, g0: FloatArray, lo: FloatArray, cl: FloatArray) -> float:
        k = round(share * len(g1))
        return float(metrics.curve(g1, lo, cl).quality[k] - metrics.curve(g0, lo, cl).quality[k])

    def calibration(*a: FloatArray) -> float:
        new_error = metrics.ece(a[0], a[4]) + metrics.ece(a[1], a[5])
        return (new_error - metrics.ece(a[2], a[4]) - metrics.ece(a[3], a[5])) / 2

    rng = np.random.default_rng(seed)
    better = metrics.bootstrap(
        quality, new.gain, old.gain, new.local, new.cloud, groups=new.group, rng=rng, rounds=500
    )
    worse = metrics.bootstrap(
        calibration,
        new.p_local,
        new.p_cloud,
        old.p_local,
        old.p_cloud,
        new.local,
        new.cloud,
        groups=new.group,
        rng=rng,
        rounds=500,
    )
    reasons = []
    if better.low < -QUALITY_MARGIN:
        reasons.append(
            f"quality at equal cost changes by {better}, a loss of over {QUALITY_MARGIN} "
            "cannot be excluded"
        )
    if worse.value > ECE_MARGIN:
        reasons.append(f"the calibration error grows by {worse}, over {ECE_MARGIN}")
    return Verdict(rows, better, worse, tuple(reasons))


def promote(models_dir: Path, challenger: str, data: Dataset, *, seed: int = 0) -> Verdict:
    """Make `challenger` the current version if the evidence allows.

    Raises PromotionRefused with the reasons; then nothing has changed.
    """
    new = artifacts.load(artifacts.resolve(models_dir, challenger))
    current = artifacts.resolve(models_dir)
    verdict = compare(new, artifacts.load(current), data, seed=seed)
    if verdict.reasons:
        raise PromotionRefused(f"{challenger} was not promoted: {'; '.join(verdict.reasons)}.")
    versions.move(models_dir, challenger)
    return verdict
