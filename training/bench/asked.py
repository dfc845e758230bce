"""`router what-if` beside the truth: what it answers on logs of real outcomes, and what it refuses.

Logs are drawn from works with outcomes of both tiers. Ratings are honest, few, or chosen by what
the answer was; agreement is calibrated, or the second model copies mistakes of the first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from router.engine.constants import EXPLORED_AT_CUT, EXPLORED_FAR
from router.errors import DataError
from router.labels.label import Signal
from router.prices import estimate_usd
from router.registry.artifact import Artifact
from router.text.features import Features
from router.types import FloatArray, IntArray
from training.bench.constants import (
    ASKED_SHARES,
    COPIED,
    JUDGED,
    OPINION_ERRS,
    OUTPUT_TOKENS,
    RATERS,
    REQUEST_S,
    SERVED_AT,
)
from training.bench.prompts import Work, task_of, works_in
from training.data.log import Window
from training.data.readers import read
from training.evaluate.scoring import fitted_of
from training.evaluate.what_if import WhatIf, what_if
from training.pipelines.prompts import Progress
from training.pipelines.training_set import TrainingSet

Share = Callable[[FloatArray], FloatArray]  # outcomes of given answers -> chance of a rating


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a log holds of answers. `rated`: by people; `agreement`: a second opinion on each.

    `copied`: share of the first model's mistakes that the second one makes as well. `judged`:
    requests drawn by lot whose answers by both tiers were judged.
    """

    rated: Share | None = None
    agreement: bool = False
    copied: float = 0.0
    judged: int = 0


SAID = {
    "all rated": Said(rated=lambda y: np.ones(len(y))),
    "40 % rated": Said(rated=lambda y: np.full(len(y), 0.4)),
    "60 % of the bad, 3 % of the good rated": Said(rated=lambda y: np.where(y > 0.5, 0.03, 0.6)),
    "60 % of the good, 3 % of the bad rated": Said(rated=lambda y: np.where(y > 0.5, 0.6, 0.03)),
    "60 % of the bad, with agreement": Said(
        rated=lambda y: np.where(y > 0.5, 0.03, 0.6), agreement=True
    ),
    "agreement alone": Said(agreement=True),
    "agreement, judged by lot": Said(agreement=True, judged=JUDGED),
    "copied opinions alone": Said(agreement=True, copied=COPIED),
    "copied opinions, judged by lot": Said(agreement=True, copied=COPIED, judged=JUDGED),
    "copied opinions, all bad rated": Said(
        agreement=True, copied=COPIED, rated=lambda y: np.where(y > 0.5, 0.2, 0.6)
    ),
}
# Requests, exploration, and its width around the cut.
LOGS = {
    "3,000, 2 %": (3000, 0.02, 0.0),
    "3,000, 2 % near the cut": (3000, 0.02, 0.1),
    "3,000, 10 %": (3000, 0.1, 0.0),
}


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Requests with outcomes of both tiers, (n, 2), and what the shipped model says of them."""

    outcomes: FloatArray
    p: FloatArray  # of both tiers, (n, 2)
    usd: FloatArray  # of a cloud answer
    features: Features
    pair: dict[str, str]

    @property
    def gain(self) -> FloatArray:
        """What the cloud is expected to add."""
        gain: FloatArray = self.p[:, 1] - self.p[:, 0]
        return gain


def simulated(
    truth: Truth, rows: int, exploration: tuple[float, ...], said: Said, rng: np.random.Generator
) -> Window:
    """A log of `rows` requests drawn with replacement, each a group of its own."""
    at = rng.integers(0, len(truth.gain), rows)
    gain, cut = truth.gain[at], float(np.quantile(truth.gain, 1 - SERVED_AT))
    chance = _explored_share(gain - cut, *exploration)
    explored = rng.random(rows) < chance
    cloud = (gain > cut) ^ explored
    tier = np.where(cloud, "cloud", "local")
    ids = [f"d{n:06d}" for n in range(rows)]
    frame = pd.DataFrame(
        {
            "id": ids,
            "at": REQUEST_S * np.arange(rows),
            "rule": np.where(explored, "exploration", "learned"),
            "tier": tier,
            "local_model": truth.pair["local"],
            "model": np.where(cloud, truth.pair["cloud"], truth.pair["local"]),
            "p_local": truth.p[at, 0],
            "p_cloud": truth.p[at, 1],
            "gain": gain,
            "propensity": np.where(explored, chance, 1 - chance),
            "escalated": False,
            "cost_usd": np.where(cloud, truth.usd[at], 0.0),
            "cloud_usd": truth.usd[at],
            "group": ids,
        }
    )
    outcomes = truth.outcomes[at]
    return Window(
        frame=frame,
        features=truth.features.take(at),
        signals=_signals(frame, outcomes, cloud * 1, said, rng),
        soft=_soft(frame, outcomes, said, rng),
        digest="",
    )


def _explored_share(distance: FloatArray, exploration: float, near: float) -> FloatArray:
    """As `router.engine.exploring` does, for many, shape (n,)."""
    if not near:
        return np.full(len(distance), exploration)
    share = EXPLORED_FAR + (EXPLORED_AT_CUT - EXPLORED_FAR) * np.exp(-0.5 * (distance / near) ** 2)
    chance: FloatArray = np.minimum(exploration * share, 0.5)
    return chance


def _signals(
    frame: pd.DataFrame,
    outcomes: FloatArray,
    action: IntArray,
    said: Said,
    rng: np.random.Generator,
) -> list[Signal]:
    rows = np.arange(len(frame))
    given = outcomes[rows, action]
    found = []

    def signal(row: int, tier: str, score: float, source: str, key: str | None) -> Signal:
        name = str(frame["id"][row])
        when = float(frame["at"][row]) + 1
        return Signal(
            decision=name, group=name, tier=tier, source=source, at=when, score=score, key=key
        )

    if said.rated is not None:
        for row in np.flatnonzero(rng.random(len(frame)) < said.rated(given)).tolist():
            tier = str(frame["tier"][row])
            found.append(signal(row, tier, float(given[row]), "user", f"k{row % RATERS}"))
    for row in rng.choice(len(frame), said.judged, replace=False).tolist():
        for side, tier in enumerate(("local", "cloud")):
            found.append(signal(row, tier, float(outcomes[row, side]), "judge", None))
    return found


def _soft(
    frame: pd.DataFrame, outcomes: FloatArray, said: Said, rng: np.random.Generator
) -> pd.DataFrame:
    """Second opinions as a verifier reads them that takes the models to err on their own."""
    columns = ["decision", "at", "local_model", "p_local", "p_cloud", "weight", "group"]
    if not said.agreement:
        return pd.DataFrame(columns=columns)
    soft = frame[["id", "at", "local_model", "group"]].rename(columns={"id": "decision"})
    for side, tier in enumerate(("local", "cloud")):
        good = outcomes[:, side] > 0.5
        agrees = good ^ (rng.random(len(frame)) < OPINION_ERRS)
        if tier == "local":
            agrees |= ~good & (rng.random(len(frame)) < said.copied)
        base = float(good.mean())
        right, wrong = base * (1 - OPINION_ERRS), (1 - base) * OPINION_ERRS
        yes = right / (right + wrong)
        no = base * OPINION_ERRS / (base * OPINION_ERRS + (1 - base) * (1 - OPINION_ERRS))
        soft[f"p_{tier}"] = np.where(agrees, yes, no)
    return soft.assign(weight=1.0)[columns]


def measured(found: WhatIf | None, quality: float, usd: float) -> dict[str, float]:
    """What one answer was worth beside the truth; NaN where it gave none."""
    nan = float("nan")
    told = found.quality if found is not None else None
    cost = found.usd.dr if found is not None and found.usd is not None else None
    return {
        "answered": float(told is not None),
        "covered": nan if told is None else float(told.low <= quality <= told.high),
        "width": nan if told is None else told.high - told.low,
        "cost answered": float(cost is not None),
        "cost covered": nan if cost is None else float(cost.low <= usd <= cost.high),
    }


def _simulate(
    truth: Truth, rows: int, exploration: tuple[float, ...], said: Said, seed: int
) -> list[dict[str, float]]:
    """What is said of every asked threshold, on one log."""
    window = simulated(truth, rows, exploration, said, np.random.default_rng(seed))
    cuts = [float(np.quantile(truth.gain, 1 - share)) for share in ASKED_SHARES]
    answers: list[WhatIf | None]
    try:
        answers = list(what_if(window, cuts, seed=seed))
    except DataError:
        answers = [None] * len(cuts)
    out = []
    for cut, found in zip(cuts, answers, strict=True):
        cloud = truth.gain > cut
        quality = np.where(cloud, truth.outcomes[:, 1], truth.outcomes[:, 0])
        out.append(measured(found, float(quality.mean()), float((truth.usd * cloud).mean())))
    return out


def asked_bench(
    data: Path,
    model: Artifact,
    *,
    simulations: int,
    jobs: int,
    progress: Progress = lambda step: None,
) -> dict[str, Any]:
    """Every log and kind of labels, the works taking turns; plain values."""
    given = TrainingSet.of(read(data), model)
    truths = [_truth(work, given, model) for work in works_in(given.data.rows)]
    out: dict[str, Any] = {}
    for case, (rows, *exploration) in LOGS.items():
        for name, said in SAID.items():
            progress(f"what-if: {case}, {name}")
            runs = Parallel(n_jobs=jobs, max_nbytes="1M")(
                delayed(_simulate)(truths[s % len(truths)], rows, tuple(exploration), said, s)
                for s in range(simulations)
            )
            out[f"{case} / {name}"] = _means([one for run in runs for one in run])
    return out


def _truth(work: Work, given: TrainingSet, model: Artifact) -> Truth:
    task, _ = task_of(work, given)
    pair = {"local": work.local, "cloud": work.cloud}
    usd = [estimate_usd("claude-sonnet-5-5", len(p), OUTPUT_TOKENS) for p in task.prompts]
    return Truth(
        outcomes=np.column_stack([task.local, task.cloud]).astype(np.float64),
        p=np.column_stack(fitted_of(model).predict(task.features, pair)),
        usd=np.array(usd),
        features=task.features,
        pair=pair,
    )


def _means(runs: list[dict[str, float]]) -> dict[str, float]:
    """Means over the logs that gave an answer; how many did is `answered`."""
    table = pd.DataFrame(runs)
    found = {str(k): float(v) for k, v in table.mean().items()}
    return {**found, "asked": float(len(table))}
