"""The benchmark of looking: the local answer, other opinions, three acts, labels for free.

Every protocol judges one pair of models with the opinions of given others, in grouped folds; what
a row's probabilities rest on was fitted without its group.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from router.answers.verifier import NAMES
from router.decide.heads import sigmoid
from router.registry.artifact import Artifact
from training.bench.acts import acts_of_fold
from training.bench.cases import (
    Bench,
    Case,
    judged,
    looks_in,
    other_models,
    prompt_logits,
    prompt_only,
    teaching,
)
from training.bench.constants import FIT_C, FOLDS, MIN_MODELS
from training.bench.prompts import mean_of, summary
from training.bench.transfer import run_transfer, run_unseen
from training.data.opinions import PromptLogits
from training.data.readers import read
from training.data.splits import group_folds
from training.fit.verifier import fit_verifier

_ACTS = "acts: "
_Runs = dict[str, dict[str, dict[str, float]]]


def _run_source(bench: Bench, source: str, seed: int) -> _Runs:
    """Measures of all protocols of a source: protocol -> method -> measures, mean over folds."""
    rng = np.random.default_rng(seed)
    looks = [w for w in looks_in(bench) if w.source == source]
    cases = [Case.of(w, bench) for w in looks]
    acting = teaching(looks)
    frame = bench.answers[source].answers.frame.drop_duplicates("prompt_id")
    ids, groups = frame["prompt_id"].to_numpy(), frame["group"].to_numpy()
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    for train, test in group_folds(groups, FOLDS, rng):
        logits = prompt_logits(bench, source, ids[train], ids[test], rng)
        held = set(ids[test])
        for case in cases:
            results = _run_case(bench, case, held, logits, rng)
            if case.look in acting:
                acts = acts_of_fold(bench, case, held, logits, rng)
                results |= {f"{_ACTS}{name}": measures for name, measures in acts.items()}
            for method, measures in results.items():
                found.setdefault(case.look.name, {}).setdefault(method, []).append(measures)
    return {
        name: {method: mean_of(runs) for method, runs in methods.items()}
        for name, methods in found.items()
    }


def _run_case(
    bench: Bench, case: Case, held: set[str], logits: PromptLogits, rng: np.random.Generator
) -> dict[str, dict[str, float]]:
    """Every method on one protocol's held-out prompts."""
    inside = np.array([p in held for p in case.prompts])
    train, test = np.flatnonzero(~inside), np.flatnonzero(inside)
    y = case.local[test], case.cloud[test]
    tested = case.rows(bench, logits, test)
    out = {"prompt alone": judged(prompt_only(bench, case, test, logits), y)}
    length = tested.features[:, NAMES.index("length of the answer")]
    out["length of the answer"] = judged(np.column_stack([-length, 0 * length]), y, ranking=True)
    if case.look.others:
        equal = tested.features[:, NAMES.index("agreement: equal")]
        out["agreement alone"] = judged(np.column_stack([equal, 0 * equal]), y, ranking=True)
    for name, known in (("verifier, prompt unknown", None), ("verifier", logits)):
        own = case.rows(bench, known, train)
        other = other_models(bench, case, train, known, rng)
        trust = np.ones(len(NAMES))
        fitted = fit_verifier(own.joined(other), strength=FIT_C, trust=trust)
        rows = tested if known else case.rows(bench, None, test)
        out[name] = judged(sigmoid(fitted.logits(rows.features)), y)
    return out


def bench_answers(
    data: Path,
    model: Artifact,
    *,
    seeds: int,
    jobs: int,
    progress: Callable[[str], None] = lambda step: None,
) -> dict[str, Any]:
    """`_bench_look` on a folder: part -> case -> method -> measure -> value, low, high."""
    progress("reading the answers")
    bench = Bench.load(read(data), data, model)
    found = _bench_look(bench, seeds=seeds, jobs=jobs, progress=progress)
    return {
        part: {
            case: {method: summary(runs) for method, runs in methods.items()}
            for case, methods in cases.items()
        }
        for part, cases in found.items()
    }


def _bench_look(
    bench: Bench, *, seeds: int, jobs: int, progress: Callable[[str], None] = lambda step: None
) -> dict[str, dict[str, dict[str, list[dict[str, float]]]]]:
    """Part -> case -> method -> one dict of measures per seed.

    Parts: `protocols` and `acts` (grouped folds within a source), `transfer` (the other source's
    verifier), `unseen` (models left out).
    """
    pool = Parallel(n_jobs=jobs, max_nbytes="1M")
    looks = looks_in(bench)
    sources = list(dict.fromkeys(w.source for w in looks))
    out: dict[str, Any] = {"protocols": {}, "acts": {}, "transfer": {}, "unseen": {}}
    for source in sources:
        progress(f"{source}: looking at answers")
        runs = pool(delayed(_run_source)(bench, source, s) for s in range(seeds))
        for name, methods in runs[0].items():
            for method in methods:
                part = "acts" if method.startswith(_ACTS) else "protocols"
                values = [r[name][method] for r in runs]
                out[part].setdefault(name, {})[method.removeprefix(_ACTS)] = values
    for look in teaching(looks):
        run: Callable[..., dict[str, dict[str, float]]]
        for part, run in (("transfer", run_transfer), ("unseen", run_unseen)):
            models = bench.answers[look.source].answers.frame["model"].nunique()
            enough = {"transfer": len(sources) > 1, "unseen": models >= MIN_MODELS}
            if not enough[part]:
                continue
            progress(f"{look.source}: {part}")
            runs = pool(delayed(run)(bench, look, s) for s in range(seeds))
            out[part][look.name] = {m: [r[m] for r in runs] for m in runs[0]}
    return out
