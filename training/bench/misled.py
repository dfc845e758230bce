"""Can it be misled? Labels that are selective, shuffled, inverted or bursty, beside the truth."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from router.errors import TrainingError
from router.registry.artifact import Artifact
from training.bench.constants import ASKED_RATE, FIRST_SEED, LARGE_LOGS, LOG_REQUESTS
from training.bench.simulated import Habits, simulate
from training.bench.traffic import Traffic, load_traffic
from training.evaluate import metrics
from training.pipelines.learn import learn
from training.pipelines.prompts import Progress

MEASURES = (
    "apgr",
    "equal",
    "cut",
    "worse_equal",
    "worse_cut",
    "share0",
    "share",
    "old_cut",
    "level",
)
WORSE_EQUAL, WORSE_CUT = 0.005, 0.01  # of quality: so much less is worse

CASES: dict[str, Habits] = {
    "agreement alone": Habits(agreement=True),
    **{
        f"a second model copies {share:.0%} of mistakes, {who}": Habits(
            agreement=True, copied=share, asked=asked
        )
        for share in (0.1, 0.15, 0.3, 0.5)
        for who, asked in (("the audit rated", ASKED_RATE), ("nobody rates", 0.0))
    },
    "honest ratings of 40 %": Habits(good=0.4, bad=0.4),
    "honest ratings of 60 %": Habits(good=0.6, bad=0.6),
    "honest ratings of 40 %, with agreement": Habits(good=0.4, bad=0.4, agreement=True),
    "ratings shuffled": Habits(good=0.4, bad=0.4, shuffled=True),
    "one key of three inverted": Habits(good=0.4, bad=0.4, inverted=1),
    "all keys inverted, with agreement": Habits(good=0.4, bad=0.4, inverted=3, agreement=True),
    "60 % of the bad, 3 % of the good, with agreement": Habits(good=0.03, bad=0.6, agreement=True),
    "60 % of the good, 3 % of the bad": Habits(good=0.6, bad=0.03),
    "rated where the cloud would fail too": Habits(good=0.4, bad=0.4, hopeless=True),
    "local good in 97.5 %": Habits(good=0.4, bad=0.4, easy=0.975),
    "newest quarter one topic": Habits(good=0.4, bad=0.4, topic=True),
    "slow drift": Habits(good=0.4, bad=0.4, slow=True),
    "slow drift, with agreement": Habits(good=0.4, bad=0.4, slow=True, agreement=True),
    "model swapped in the log": Habits(good=0.4, bad=0.4, swapped=True),
    "two users of opposite taste": Habits(good=0.4, bad=0.4, keys=2, inverted=1),
    "flood over weeks, with agreement": Habits(good=0.1, bad=0.1, flood=0.3, agreement=True),
    "300 requests, honest 60 %": Habits(requests=300, good=0.6, bad=0.6),
    "100,000 requests, honest 10 %": Habits(requests=100_000, good=0.1, bad=0.1, keys=20),
}


def judged(traffic: Traffic, habits: Habits, seed: int) -> dict[str, Any]:
    """Learn from one log, and set the result beside the champion on requests held out."""
    made = simulate(traffic, habits, seed)
    try:
        learned = learn(made.window, traffic.champion, cloud_model=traffic.pair["cloud"], seed=seed)
    except TrainingError as error:  # nothing that could be learned from
        return {**dict.fromkeys(MEASURES, 0.0), "promoted": False, "why": str(error)}
    truth, held = made.traffic, made.held
    before, after = (truth.gain(a, held) for a in (traffic.champion, learned.artifact))
    cuts = [float(a.manifest["threshold"]["default"]) for a in (traffic.champion, learned.artifact)]
    share = float((before > cuts[0]).mean())
    equal = truth.quality_at(after, share, held) - truth.quality_at(before, share, held)
    cut = truth.quality(after, cuts[1], held) - truth.quality(before, cuts[0], held)
    local, cloud = truth.local[held], truth.cloud[held]
    return {
        "promoted": not learned.reasons,
        "apgr": metrics.apgr(after, local, cloud) - metrics.apgr(before, local, cloud),
        "equal": equal,
        "cut": cut,
        "worse_equal": bool(equal < -WORSE_EQUAL),
        "worse_cut": bool(cut < -WORSE_CUT),
        "share0": share,
        "share": float((after > cuts[1]).mean()),
        "old_cut": float((after > cuts[0]).mean()),
        "level": float(truth.predicted(learned.fitted, held)[0].mean() - local.mean()),
        "why": "; ".join(learned.reasons) or "promoted",
    }


def misled_bench(
    data: Path,
    model: Artifact,
    *,
    logs: int,
    jobs: int,
    cases: str = "",
    kept: Path | None = None,
    progress: Progress = lambda step: None,
) -> dict[str, Any]:
    """Every case on `logs` logs: how often promoted and worse, and what changed; plain values.

    `cases`: only those with these words in their name. `kept`: a file of finished logs, one a line,
    that a run which was stopped goes on from. All cases have their first log before any has its
    second, but for large logs, which come last.
    """
    traffic = load_traffic(data, model, progress)
    rows = _finished(kept)
    names = [name for name in CASES if cases in name]
    seeds = range(FIRST_SEED, FIRST_SEED + logs)
    every = [(name, seed) for seed in seeds for name in names if seed in _seeds_of(name, seeds)]
    every.sort(key=lambda one: CASES[one[0]].requests > LOG_REQUESTS)
    waiting = [one for one in every if one not in rows]
    run = Parallel(n_jobs=jobs, max_nbytes="1M", return_as="generator")
    found = run(delayed(judged)(traffic, CASES[name], seed) for name, seed in waiting)
    for done, ((name, seed), row) in enumerate(zip(waiting, found, strict=True), 1):
        rows[name, seed] = row
        progress(f"{done} of {len(waiting)} logs: {name}")
        if kept is not None:
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"case": name, "seed": seed, **row}) + "\n")
    return {name: _summary([rows[name, seed] for seed in _seeds_of(name, seeds)]) for name in names}


def _seeds_of(name: str, seeds: range) -> range:
    """Large logs take minutes each, so they are fewer."""
    return seeds[:LARGE_LOGS] if CASES[name].requests > LOG_REQUESTS else seeds


def _finished(kept: Path | None) -> dict[tuple[str, int], dict[str, Any]]:
    if kept is None or not kept.exists():
        return {}
    lines = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
    return {(one.pop("case"), one.pop("seed")): one for one in lines}


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    promoted = [r for r in rows if r["promoted"]]
    return {
        "logs": len(rows),
        "promoted": len(promoted),
        "worse at equal cost": sum(bool(r["worse_equal"]) for r in promoted),
        "worse at its own cut": sum(bool(r["worse_cut"]) for r in promoted),
        # Of what served in the end: what is refused changes nothing.
        **{m: sum(r[m] for r in promoted) / max(len(rows), 1) for m in ("apgr", "equal", "cut")},
        "share before": _mean([r["share0"] for r in promoted]),
        "share after": _mean([r["share"] for r in promoted]),
        # Had the champion's cut been kept, and how much too good p_local is on average.
        "share at the old cut": _mean([r["old_cut"] for r in rows]),
        "level": _mean([r["level"] for r in rows]),
    }


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
