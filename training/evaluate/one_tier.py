"""What outcomes of one tier's answer a request tell of a router, and what they leave open.

A log has one answer a request. That is enough for the calibration and the AUC of each head on the
answers of its tier, and, with exploration, for what the policy would have come to; not for quality
at equal cost, which compares both answers to the same requests.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from router.errors import DataError
from router.monitor.off_policy import CLOUD
from router.registry.artifact import Artifact
from router.text.features import Features
from router.types import FloatArray
from training.data.dataset import REFERENCE, Dataset
from training.data.featurize import featurize
from training.data.splits import unseen
from training.evaluate import metrics
from training.evaluate.constants import GOOD_SCORE, MIN_JUDGED
from training.evaluate.known_quality import KnownQuality
from training.evaluate.metrics import Interval
from training.evaluate.scoring import fitted_of
from training.evaluate.what_if import Logged, WhatIf, asked, by_model
from training.fit.encoder import of_artifact
from training.fit.head import TIERS, ability_name
from training.fit.heads import Fitted


@dataclass(frozen=True, kw_only=True)
class OneTier:
    """`heads`: of each tier with enough rated answers, how many and the measures of its head.

    `policy`: what the default threshold would have come to, where there is a log; `served`: what
    the log's own policy came to, without its exploration. `missing`: in words what is not known,
    and what would tell.
    """

    heads: dict[str, tuple[int, dict[str, Interval]]]
    served: WhatIf | None
    policy: WhatIf | None
    missing: tuple[str, ...]

    @property
    def judged(self) -> bool:
        """Whether anything was evaluated."""
        return bool(self.heads)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "heads": {
                tier: {"rows": rows, **{k: asdict(v) for k, v in measures.items()}}
                for tier, (rows, measures) in self.heads.items()
            },
            "served": asdict(self.served) if self.served else None,
            "policy": asdict(self.policy) if self.policy else None,
            "missing": list(self.missing),
        }


def evaluate_answers(
    fitted: Fitted,
    features: Features,
    rows: pd.DataFrame,
    position: Mapping[str, int],
    *,
    threshold: float,
    log: pd.DataFrame | None = None,
    seed: int = 0,
) -> OneTier:
    """Evaluate on `rows` (canonical) that nothing was fitted on, and `log`: their whole log.

    `position`: row of `features` by prompt_id, for all of both.
    """
    heads, missing = {}, []
    for tier in TIERS:
        mine = rows[rows["tier"] == tier]
        if len(mine) < MIN_JUDGED:
            missing.append(
                f"The head of the {tier} tier was not judged: {len(mine)} rated answers of that "
                f"tier are new to it, {MIN_JUDGED} are needed."
            )
            continue
        heads[tier] = len(mine), _measures(fitted, features, mine, position, tier, seed)
    served = policy = None
    if log is not None and len(by_model(log)):
        served, policy = _policies(fitted, features, log, position, threshold, seed)
    if log is None:
        missing.append("What the policy would come to needs a log with propensities.")
    elif policy is None:
        missing.append("The log has no later request that a model decided on.")
    elif policy.quality is None or policy.words:
        missing.append(f"The policy: {policy.words}")
    missing.append(
        "Quality at equal cost (APGR) needs outcomes of both tiers on the same requests: "
        "router judge --random, then router learn."
    )
    return OneTier(heads=heads, served=served, policy=policy, missing=tuple(missing))


def _measures(
    fitted: Fitted,
    features: Features,
    rows: pd.DataFrame,
    position: Mapping[str, int],
    tier: str,
    seed: int,
) -> dict[str, Interval]:
    p, y = _predicted(fitted, features, rows, position, tier), rows["score"].to_numpy(np.float64)
    rng, groups = np.random.default_rng(seed), rows["group"].to_numpy()
    good = (y >= GOOD_SCORE) * 1.0
    return {
        "score": metrics.bootstrap(lambda a: float(a.mean()), y, groups=groups, rng=rng),
        "p": metrics.bootstrap(lambda a: float(a.mean()), p, groups=groups, rng=rng),
        "brier_skill": metrics.bootstrap(metrics.brier_skill, p, y, groups=groups, rng=rng),
        "ece": metrics.bootstrap(metrics.ece, p, y, groups=groups, rng=rng),
        "auc": metrics.bootstrap(metrics.auc, p, good, groups=groups, rng=rng),
    }


def _predicted(
    fitted: Fitted, features: Features, rows: pd.DataFrame, position: Mapping[str, int], tier: str
) -> FloatArray:
    """Probability of each answer by the model that gave it, shape (n,)."""
    p = np.zeros(len(rows))
    where = rows["prompt_id"].map(position).to_numpy()
    for model in rows["model"].unique():
        at = np.flatnonzero((rows["model"] == model).to_numpy())
        names = {**REFERENCE, tier: ability_name(tier, model)}
        p[at] = fitted.predict(features.take(where[at]), names)[TIERS.index(tier)]
    return p


def _policies(
    fitted: Fitted,
    features: Features,
    log: pd.DataFrame,
    position: Mapping[str, int],
    threshold: float,
    seed: int,
) -> tuple[WhatIf, WhatIf]:
    """What the policy that served came to, and what `threshold` would have come to."""
    rows = log.iloc[by_model(log)]
    at = rows["prompt_id"].map(position).to_numpy()
    models = {t: rows.loc[rows["tier"] == t, "model"] for t in TIERS}
    pair = {
        t: ability_name(t, str(m.mode().iloc[0])) if len(m) else REFERENCE[t]
        for t, m in models.items()
    }
    there = features.take(at)
    p_local, p_cloud = fitted.predict(there, pair)
    known = KnownQuality.of_ratings(rows["score"].to_numpy(dtype="float64"))
    logged = Logged.of(rows, there.embedding, known)
    explored = rows["explored"].to_numpy(dtype=bool)
    planned = (logged.usd.action == CLOUD) ^ explored
    served = asked(logged, planned * 1.0, 0.5, seed)
    return served, asked(logged, p_cloud - p_local, threshold, seed)


def evaluate_one_tier(artifact: Artifact, data: Dataset, *, seed: int = 0) -> OneTier:
    """What outcomes of one tier a request tell of a model folder; its own groups are left out."""
    seen = artifact.arrays["seen"]
    rows = data.rows[unseen(data.rows["group"], seen)]
    log = None if data.log is None else _later(data.log, seen)
    wanted = set(rows["prompt_id"]) | (set() if log is None else set(log["prompt_id"]))
    every = data.every_answer
    later = Dataset(every[every["prompt_id"].isin(wanted)])
    if not len(later):
        raise DataError("The model was fitted on all of these prompts; evaluate on later ones.")
    return evaluate_answers(
        fitted_of(artifact),
        featurize(of_artifact(artifact).extractor(), later.requests),
        rows,
        {p: i for i, p in enumerate(later.prompts["prompt_id"])},
        threshold=float(artifact.manifest["threshold"]["default"]),
        log=log,
        seed=seed,
    )


def _later(log: pd.DataFrame, seen: NDArray[Any]) -> pd.DataFrame:
    """Of a log what came after all that was learned from it, whether rated or not."""
    new = unseen(log["group"], seen)
    first = pd.to_numeric(log["created_at"]).groupby(log["group"]).transform("min")
    learned_until = first[~new].max() if not new.all() else -np.inf
    return log[new & (first > learned_until).to_numpy()]
