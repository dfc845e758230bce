"""Moving `champion` and `models/current` together, and only on evidence."""

from dataclasses import dataclass

import numpy as np

from router.errors import PromotionRefused
from router.registry import gates
from router.registry.artifact import Artifact
from router.registry.registry import Registry
from router.types import FloatArray
from training.data.dataset import Dataset
from training.evaluate import metrics
from training.evaluate.metrics import Interval
from training.evaluate.scoring import scored_by


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
    if rows < gates.HELD_OUT_ROWS:
        nothing = Interval(0.0, 0.0, 0.0)
        reason = f"only {rows} rows are new to both models, {gates.HELD_OUT_ROWS} are needed"
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
    return Verdict(rows, better, worse, gates.on_held_out(better, worse))


def promote(registry: Registry, challenger: str, data: Dataset, *, seed: int = 0) -> Verdict:
    """Make `challenger` the current version if the evidence allows.

    Raises PromotionRefused with the reasons; then nothing has changed.
    """
    verdict = compare(registry.load(challenger), registry.load(), data, seed=seed)
    if verdict.reasons:
        raise PromotionRefused(gates.sentence(challenger, verdict.reasons))
    registry.promote(challenger, f"{challenger} is current after {verdict.rows} held-out rows.")
    return verdict
