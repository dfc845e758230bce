"""Off-policy estimates beside the truth, where both tiers' outcomes are known."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from router.monitor.off_policy import CLOUD, BanditLog
from router.prices import estimate_usd
from router.registry.artifact import Artifact
from router.types import FloatArray
from training.bench.constants import CENTS, LOG_ROUNDS, LOG_ROWS, NEAR, OUTPUT_TOKENS
from training.bench.prompts import task_of, works_in
from training.data.readers import read
from training.evaluate.off_policy import by_ridge, evaluate
from training.evaluate.scoring import fitted_of
from training.pipelines.prompts import Progress
from training.pipelines.training_set import TrainingSet


def _logging_policies(gain: FloatArray) -> dict[str, FloatArray]:
    """Probability of the cloud under policies that might have served, shape (n,) each."""
    cut = np.quantile(gain, 0.7)
    spread = max(float(gain.std()), 1e-6)
    soft = 1 / (1 + np.exp(-(gain - cut) / (0.5 * spread)))
    return {
        "threshold, 10 % exploration": np.where(gain > cut, 0.9, 0.1),
        "threshold, 20 % exploration": np.where(gain > cut, 0.8, 0.2),
        "soft threshold": np.clip(soft, 0.1, 0.9),
        "random": np.full(len(gain), 0.5),
    }


def _targets(gain: FloatArray) -> dict[str, FloatArray]:
    """Policies to ask about: other thresholds."""
    return {f"{s:.0%} cloud": (gain > np.quantile(gain, 1 - s)) * 1.0 for s in (0.2, 0.4)}


def _simulate(
    outcomes: dict[str, FloatArray],
    served: FloatArray,
    target: FloatArray,
    columns: FloatArray,
    seed: int,
) -> Iterator[tuple[str, dict[str, float]]]:
    """One log of LOG_ROWS requests drawn with replacement; for every kind of outcome the errors."""
    rng = np.random.default_rng(seed)
    at = rng.integers(0, len(target), LOG_ROWS)
    action = (rng.random(LOG_ROWS) < served[at]).astype(np.int64)
    propensity = np.where(action == CLOUD, served[at], 1 - served[at])
    for kind, table in outcomes.items():
        seen = table[at, action]
        log = BanditLog(action, propensity, seen, np.arange(LOG_ROWS))
        found = evaluate(log, target[at], by_ridge(log, columns[at]), seed=seed, rounds=LOG_ROUNDS)
        every = np.where(target == 1, table[:, 1], table[:, 0])
        truth, here = float(every.mean()), float(every[at].mean())
        yield (
            kind,
            {
                "dr error": abs(found.dr.value - here),
                "ips error": abs(found.ips.value - here),
                "snips error": abs(found.snips.value - here),
                "replay error": abs(found.replay.value - here),
                "near": float(abs(found.dr.value - here) <= NEAR),
                "near, other traffic": float(abs(found.dr.value - truth) <= NEAR),
                "covered": float(found.dr.low <= truth <= found.dr.high),
                "covered here": float(found.here.low <= here <= found.here.high),
                "effective": found.effective,
                "truth": truth,
            },
        )


def off_policy_bench(
    data: Path,
    model: Artifact,
    *,
    simulations: int,
    jobs: int,
    progress: Progress = lambda step: None,
) -> dict[str, Any]:
    """Every work, logging policy and target; means over simulations, plain values."""
    known = TrainingSet.of(read(data), model)
    out: dict[str, Any] = {"rows": LOG_ROWS, "simulations": simulations}
    for work in works_in(known.data.rows):
        if work.name == "GSM8K":
            continue  # 1,319 prompts are too few to draw 5,000 requests from
        columns, outcomes, gain = _known(known, model, work)
        for name, served in _logging_policies(gain).items():
            for asked, target in _targets(gain).items():
                progress(f"{work.name}: {name}, asking about {asked}")
                runs = Parallel(n_jobs=jobs)(
                    delayed(
                        lambda s, sv=served, tg=target, o=outcomes, c=columns: list(
                            _simulate(o, sv, tg, c, s)
                        )
                    )(s)
                    for s in range(simulations)
                )
                found: dict[str, dict[str, float]] = {}
                for kind in outcomes:
                    rows = [dict(run)[kind] for run in runs]
                    found[kind] = {k: float(np.mean([r[k] for r in rows])) for k in rows[0]}
                out[f"{work.name} / {name} / {asked}"] = found
    return out


def _known(
    known: TrainingSet, model: Artifact, work: Any
) -> tuple[FloatArray, dict[str, FloatArray], FloatArray]:
    task, _ = task_of(work, known)
    fitted = fitted_of(model)
    p_local, p_cloud = fitted.predict(task.features, {"local": work.local, "cloud": work.cloud})
    cents = np.array(
        [estimate_usd("claude-sonnet-5-5", len(p), OUTPUT_TOKENS) * CENTS for p in task.prompts]
    )
    outcomes = {
        "quality": np.column_stack([task.local, task.cloud]),
        "cost, cents": np.column_stack([np.zeros(len(cents)), cents]),
    }
    columns = np.column_stack([p_local, p_cloud, cents, task.features.embedding])
    return columns, outcomes, p_cloud - p_local
