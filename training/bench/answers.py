"""The benchmark of looking: the local answer, other opinions, three acts, labels for free.

Every protocol judges one pair of models with the opinions of given others, in grouped folds; what
a row's probabilities rest on was fitted without its group.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
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
from training.bench.constants import FOLDS, STRANGE_SEEDS, UNSEEN_FOLDS
from training.bench.prompts import summary
from training.bench.transfer import run_transfer
from training.bench.unseen import (
    Measures,
    Strangers,
    kinds_left_out,
    mean_over,
    models_left_out,
    source_left_out,
)
from training.data.opinions import PromptLogits
from training.data.readers import read
from training.data.splits import group_folds

_ACTS = "acts: "
_Parts = dict[str, dict[str, dict[str, list[dict[str, float]]]]]


def _run_source(bench: Bench, source: str, seed: int) -> Measures:
    """Measures of all protocols of a source: protocol -> method -> measures, mean over folds."""
    rng = np.random.default_rng(seed)
    looks = [w for w in looks_in(bench) if w.source == source]
    cases = [Case.of(w, bench) for w in looks]
    acting = teaching(looks)
    frame = bench.answers[source].answers.frame.drop_duplicates("prompt_id")
    ids, groups = frame["prompt_id"].to_numpy(), frame["group"].to_numpy()
    folds: list[Measures] = []
    for train, test in group_folds(groups, FOLDS, rng):
        logits = prompt_logits(bench, source, ids[train], ids[test], rng)
        held = set(ids[test])
        verifiers = {
            "verifier, prompt unknown": taught(bench, cases, held, None, rng),
            "verifier": taught(bench, cases, held, logits, rng),
        }
        found: Measures = {}
        for case in cases:
            found[case.look.name] = _run_case(bench, case, held, logits, verifiers)
            if case.look in acting:
                acts = acts_of_fold(bench, case, held, logits, rng)
                found[case.look.name] |= {f"{_ACTS}{name}": m for name, m in acts.items()}
        folds.append(found)
    return mean_over(folds)


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
    unseen, diagrams = _bench_strangers(strangers, seeds=seeds, jobs=jobs, progress=progress)
    found |= unseen
    out: dict[str, Any] = {
        part: {
            case: {method: summary(runs) for method, runs in methods.items()}
            for case, methods in cases.items()
        }
        for part, cases in found.items()
    }
    out["diagrams"] = diagrams
    return out


def _bench_strangers(
    strangers: Strangers, *, seeds: int, jobs: int, progress: Callable[[str], None]
) -> tuple[_Parts, dict[str, Any]]:
    """Parts `models`, `kinds` of tool calls, and `sources`, left out; and diagrams by source."""
    seeds = min(seeds, STRANGE_SEEDS)
    folds = range(UNSEEN_FOLDS)
    with Parallel(n_jobs=jobs, max_nbytes="1M") as pool:
        progress("models left out")
        each = [(s, f) for s in range(seeds) for f in folds]
        found = pool(delayed(models_left_out)(strangers, s, f) for s, f in each)
        runs = [mean_over(found[s * UNSEEN_FOLDS :][:UNSEEN_FOLDS]) for s in range(seeds)]
        out = {"models": _by_method(runs)}
        diagrams: dict[str, Any] = {}
        if len(strangers.whole) > 1:
            progress("sources left out")
            apart = pool(delayed(source_left_out)(strangers, s, seeds) for s in strangers.whole)
            named = list(zip(strangers.whole, apart, strict=True))
            out["sources"] = _by_method(
                [{s: each[0][i] for s, each in named} for i in range(seeds)]
            )
            diagrams = {source: points for source, (_, points) in named}
        progress("kinds of tool calls left out")
        kinds = [(s, f) for s in strangers.foreign for f in folds]
        out["kinds"] = _by_method(
            [mean_over(pool(delayed(kinds_left_out)(strangers, s, f) for s, f in kinds))]
        )
    return out, diagrams


def _by_method(runs: Sequence[Measures]) -> dict[str, dict[str, list[dict[str, float]]]]:
    """Case -> method -> one dict of measures a run."""
    return {
        case: {m: [r[case][m] for r in runs if m in r.get(case, {})] for m in methods}
        for case, methods in runs[0].items()
    }


def _bench_look(
    bench: Bench, *, seeds: int, jobs: int, progress: Callable[[str], None] = lambda step: None
) -> dict[str, dict[str, dict[str, list[dict[str, float]]]]]:
    """Part -> case -> method -> one dict of measures per seed.

    Parts: `protocols` and `acts` (grouped folds within a source), `transfer` (the other sources'
    verifier).
    """
    looks = looks_in(bench)
    sources = list(dict.fromkeys(w.source for w in looks))
    out: dict[str, Any] = {"protocols": {}, "acts": {}, "transfer": {}}
    targets = teaching(looks) if len(sources) > 1 else []
    # Of one source alone: what a process is given is copied to it.
    alone = {s: replace(bench, answers={s: bench.answers[s]}) for s in sources}
    each = [(source, seed) for source in sources for seed in range(seeds)]
    moves = [(look, seed) for look in targets for seed in range(seeds)]
    with Parallel(n_jobs=jobs, max_nbytes="1M") as pool:
        progress("looking at answers")
        runs = pool(delayed(_run_source)(alone[source], source, seed) for source, seed in each)
        progress("transfer to other sources")
        moved = pool(delayed(run_transfer)(bench, look, seed) for look, seed in moves)
    for i in range(len(sources)):
        for name, methods in _by_method(runs[i * seeds :][:seeds]).items():
            for method, values in methods.items():
                part = "acts" if method.startswith(_ACTS) else "protocols"
                out[part].setdefault(name, {})[method.removeprefix(_ACTS)] = values
    for i, look in enumerate(targets):
        mine = moved[i * seeds :][:seeds]
        out["transfer"][look.name] = {m: [r[m] for r in mine] for m in mine[0]}
    return out
