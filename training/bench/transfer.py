"""Fitted on other sources, tested on one; a prompt classifier for free."""

from functools import reduce
from typing import Any

import numpy as np
import pandas as pd

from router.answers.verifier import Verifier
from router.decide.heads import sigmoid
from router.decide.reliability import Reliability
from training.bench.cases import Bench, Case, Setup, judged
from training.bench.constants import FEW_LABELS, FOLDS
from training.data.splits import group_folds, group_sample
from training.fit.constants import ADAPT_PRIOR
from training.fit.verifier import (
    VerifierRows,
    acquainted,
    adapted,
    core_rows,
    fit_verifier,
    recalibrated,
)
from training.pipelines.agreement import learn, soft_labels


def run_transfer(
    bench: Bench, target: Setup, seed: int, labels: int = FEW_LABELS
) -> dict[str, Any]:
    """The verifier of the other sources on `target`, as it is and after `labels` labels; then the
    prompt classifier that learns from its probabilities.
    """
    rng = np.random.default_rng(seed)
    case = Case.of(target, bench)
    core = core_of_others(bench, target.source, rng)
    rows = case.rows(bench, None)
    p = sigmoid(core.logits(rows.features))
    out = {"no label": judged(p, (case.local, case.cloud))}
    few, rest = group_sample(case.group, labels, rng)
    moved = adapted(core, rows.take(few))
    q = sigmoid(moved.logits(rows.features[rest]))
    out[f"{labels} labels"] = judged(q, (case.local[rest], case.cloud[rest]))
    return {**out, **_studied(bench, case, core, labels, rng)}


def core_of_others(bench: Bench, source: str, rng: np.random.Generator) -> Verifier:
    """A core fitted on the other sources, without groups of `source`, the prompt unknown."""
    taken = set(bench.answers[source].answers.frame["group"])
    parts = [
        core_rows(opinions, bench.ability, None, rng)
        for name, opinions in bench.answers.items()
        if name != source
    ]
    rows = reduce(VerifierRows.joined, parts)
    rows = rows.take(np.flatnonzero([g not in taken for g in rows.group])).balanced()
    return acquainted(fit_verifier(rows), rows)


def _studied(
    bench: Bench, case: Case, core: Verifier, labels: int, rng: np.random.Generator
) -> dict[str, dict[str, float]]:
    """A prompt classifier from the verifier's probabilities beside one from true labels."""
    look = case.look
    opinions = bench.answers[look.source]
    rows = bench.data.rows
    pair = {"local": look.local, "cloud": look.cloud}
    train, test = next(group_folds(case.group, FOLDS, rng))
    true = rows[
        rows["prompt_id"].isin(case.prompts[train]) & rows["model"].isin([look.local, look.cloud])
    ]
    draws = opinions.of_models(case.prompts[train], look.local, look.others)
    few, _ = group_sample(case.group[train], labels, rng)
    known = true[true["prompt_id"].isin(case.prompts[train][few])]
    moved = recalibrated(core, case.rows(bench, None, train[few]), ADAPT_PRIOR)

    def soft(verifier: Verifier) -> pd.DataFrame:
        found = soft_labels(
            opinions,
            draws,
            verifier,
            bench.ability,
            Reliability({len(look.others): 1.0}),
            bench.prompts.data.prompts,
        )
        return found.assign(model=found["model"].where(found["tier"] == "local", look.cloud))

    fits = {
        "prompt from true labels": learn(bench.prompts, true),
        "prompt from agreement labels": learn(bench.prompts, soft(core)),
        f"prompt from agreement labels and {labels} true": learn(bench.prompts, soft(moved), known),
    }
    at = np.array([bench.prompts.position[p] for p in case.prompts[test]])
    features = bench.prompts.features.take(at)
    y = case.local[test], case.cloud[test]
    return {
        name: judged(np.column_stack(fitted.predict(features, pair)), y)
        for name, fitted in fits.items()
    }
