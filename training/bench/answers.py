"""The benchmark of looking: the local answer, other opinions, three acts, labels for free.

Every protocol judges one pair of models with the opinions of given others, in grouped folds; what
a row's probabilities rest on was fitted without its group.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from router.answers.verifier import NAMES, Verifier
from router.decide.heads import sigmoid
from router.registry.artifact import Artifact
from training.bench.acts import acts_of_fold
from training.bench.cases import (
    Bench,
    Case,
    judged,
    looks_in,
    prompt_logits,
    prompt_only,
    taught,
    teaching,
)
from training.bench.constants import FOLDS, STRANGE_SEEDS
from training.bench.prompts import mean_of, summary
from training.bench.transfer import run_transfer
from training.bench.unseen import Strangers, diagrams, run_kinds, run_models, run_sources
from training.data.opinions import PromptLogits
from training.data.readers import read
from training.data.splits import group_folds

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
        verifiers = {
            "verifier, prompt unknown": taught(bench, cases, held, None, rng),
            "verifier": taught(bench, cases, held, logits, rng),
        }
        for case in cases:
            results = _run_case(bench, case, held, logits, verifiers)
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
    bench: Bench,
    case: Case,
    held: set[str],
    logits: PromptLogits,
    verifiers: dict[str, Verifier],
) -> dict[str, dict[str, float]]:
    """Every method on one protocol's held-out prompts."""
    test = np.flatnonzero([p in held for p in case.prompts])
    y = case.local[test], case.cloud[test]
    tested = case.rows(bench, logits, test)
    out = {"prompt alone": judged(prompt_only(bench, case, test, logits), y)}
    length = tested.features[:, NAMES.index("length of the answer")]
    out["length of the answer"] = judged(np.column_stack([-length, 0 * length]), y, ranking=True)
    if case.look.others:
        equal = tested.features[:, NAMES.index("agreement: equal")]
        out["agreement alone"] = judged(np.column_stack([equal, 0 * equal]), y, ranking=True)
    for name, verifier in verifiers.items():
        rows = tested if name == "verifier" else case.rows(bench, None, test)
        out[name] = judged(sigmoid(verifier.logits(rows.features)), y)
    return out


def bench_answers(
    data: Path,
    model: Artifact,
    *,
    seeds: int,
    jobs: int,
    progress: Callable[[str], None] = lambda step: None,
) -> dict[str, Any]:
    """The parts of `_bench_look` and `_bench_strangers` on a folder.

    Part -> case -> method -> measure -> value, low, high; `diagrams` holds points.
    """
    progress("reading the answers")
    bench = Bench.load(read(data), data, model)
    found = _bench_look(bench, seeds=seeds, jobs=jobs, progress=progress)
    progress("beginnings of the answers")
    strangers = Strangers.load(bench, data, model)
    found |= _bench_strangers(strangers, seeds=seeds, jobs=jobs, progress=progress)
    out: dict[str, Any] = {
        part: {
            case: {method: summary(runs) for method, runs in methods.items()}
            for case, methods in cases.items()
        }
        for part, cases in found.items()
    }
    out["diagrams"] = diagrams(strangers)
    return out


def _bench_strangers(
    strangers: Strangers, *, seeds: int, jobs: int, progress: Callable[[str], None]
) -> dict[str, dict[str, dict[str, list[dict[str, float]]]]]:
    """Part -> source -> method -> one dict of measures per seed.

    Parts: `models`, `kinds` of tool calls, and `sources`, left out.
    """
    pool = Parallel(n_jobs=jobs, max_nbytes="1M")
    out: dict[str, Any] = {}
    run: Callable[..., _Runs]
    for part, run in (("models", run_models), ("sources", run_sources)):
        progress(f"{part} left out")
        if part == "sources" and len(strangers.whole) < 2:
            continue
        runs = pool(delayed(run)(strangers, s) for s in range(min(seeds, STRANGE_SEEDS)))
        out[part] = {
            source: {m: [r[source][m] for r in runs] for m in methods}
            for source, methods in runs[0].items()
        }
    progress("kinds of tool calls left out")
    kinds = run_kinds(strangers)
    out["kinds"] = {s: {m: [found] for m, found in ms.items()} for s, ms in kinds.items()}
    return out


def _bench_look(
    bench: Bench, *, seeds: int, jobs: int, progress: Callable[[str], None] = lambda step: None
) -> dict[str, dict[str, dict[str, list[dict[str, float]]]]]:
    """Part -> case -> method -> one dict of measures per seed.

    Parts: `protocols` and `acts` (grouped folds within a source), `transfer` (the other sources'
    verifier).
    """
    pool = Parallel(n_jobs=jobs, max_nbytes="1M")
    looks = looks_in(bench)
    sources = list(dict.fromkeys(w.source for w in looks))
    out: dict[str, Any] = {"protocols": {}, "acts": {}, "transfer": {}}
    for source in sources:
        progress(f"{source}: looking at answers")
        runs = pool(delayed(_run_source)(bench, source, s) for s in range(seeds))
        for name, methods in runs[0].items():
            for method in methods:
                part = "acts" if method.startswith(_ACTS) else "protocols"
                values = [r[name][method] for r in runs]
                out[part].setdefault(name, {})[method.removeprefix(_ACTS)] = values
    for look in teaching(looks) if len(sources) > 1 else ():
        progress(f"{look.source}: transfer")
        runs = pool(delayed(run_transfer)(bench, look, s) for s in range(seeds))
        out["transfer"][look.name] = {m: [r[m] for r in runs] for m in runs[0]}
    return out
