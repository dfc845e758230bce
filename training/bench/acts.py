"""Three acts against two: quality at equal cloud share, and how many second opinions it took."""

from dataclasses import replace
from functools import reduce

import numpy as np
import pandas as pd

from router.answers.verifier import NAMES, SIZE
from router.decide.heads import sigmoid
from router.types import FloatArray, IntArray
from training.bench.cases import (
    Bench,
    Case,
    Setup,
    other_models,
    prompt_logits,
    prompt_only,
)
from training.bench.constants import FIT_C, FOLDS
from training.data.opinions import PromptLogits
from training.data.splits import group_folds, group_hash
from training.evaluate.acts import Stages, policies
from training.fit.deferral import look_table
from training.fit.verifier import VerifierRows, fit_verifier

_COMPARED = ("equal", "comparable")
_Pair = tuple[Case, Case]


def acts_of_fold(
    bench: Bench, case: Case, held: set[str], logits: PromptLogits, rng: np.random.Generator
) -> dict[str, dict[str, float]]:
    """Quality, looks per request and cloud share on held-out prompts, by policy and share."""
    inside = np.array([p in held for p in case.prompts])
    train, test = np.flatnonzero(~inside), np.flatnonzero(inside)
    stages = _fitted_stages(bench, (case, _without_opinion(case)), train, test, logits, rng)
    return policies(stages, case.local[test], case.cloud[test])


def _fitted_stages(
    bench: Bench,
    cases: _Pair,
    train: IntArray,
    test: IntArray,
    logits: PromptLogits,
    rng: np.random.Generator,
) -> Stages:
    """Probabilities at each stage on `test`; tables of looking from a half of `train` held out."""
    half = next(group_folds(cases[0].group[train], 2, rng))
    held = _staged(bench, cases, train[half[0]], train[half[1]], logits, rng)
    look = np.stack([look_table(held[0], held[2]), look_table(held[1], held[2])])
    return Stages(*_staged(bench, cases, train, test, logits, rng), look)


def _staged(
    bench: Bench,
    cases: _Pair,
    train: IntArray,
    test: IntArray,
    logits: PromptLogits,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """p_local and p_cloud on `test` from the prompt, the answer, the second opinion: (n, 2) each.

    `cases`: the protocol, and the same without the other opinion.
    """
    rows = [c.rows(bench, logits, train) for c in cases]
    rows += [other_models(bench, c, train, logits, rng) for c in cases]
    every = reduce(VerifierRows.joined, rows)
    verifier = fit_verifier(every, strength=FIT_C, trust=np.ones(SIZE))
    asked, read = (sigmoid(verifier.logits(c.rows(bench, logits, test).features)) for c in cases)
    return prompt_only(bench, cases[0], test, logits), read, asked


def _without_opinion(case: Case) -> Case:
    """The same rows with nobody else asked."""
    return replace(case, look=replace(case.look, others=()))


def stage_rows(bench: Bench, look: Setup, seed: int = 0) -> pd.DataFrame:
    """Held-out probabilities at every stage beside the outcomes, one row per prompt, no text.

    Columns: case, group (a hash), local, cloud (scores), equal (1, 0, or NaN where the answers
    could not be compared), and p_local and p_cloud `_prompt`, `_answer`, `_opinion`.
    """
    rng = np.random.default_rng(seed)
    case = Case.of(look, bench)
    logits: PromptLogits
    parts = []
    for train, test in group_folds(case.group, FOLDS, rng):
        logits = prompt_logits(bench, look.source, case.prompts[train], case.prompts[test], rng)
        stages = _staged(bench, (case, _without_opinion(case)), train, test, logits, rng)
        rows = case.rows(bench, None, test).features
        equal, comparable = (rows[:, NAMES.index(f"agreement: {n}")] for n in _COMPARED)
        part = pd.DataFrame(
            {
                "case": look.name,
                "group": [f"{group_hash(str(g)):016x}" for g in case.group[test]],
                "local": case.local[test],
                "cloud": case.cloud[test],
                "equal": np.where(comparable > 0, equal, np.nan),
            }
        )
        for name, p in zip(("prompt", "answer", "opinion"), stages, strict=True):
            part[f"p_local_{name}"], part[f"p_cloud_{name}"] = p[:, 0], p[:, 1]
        parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    numbers = frame.columns[2:]
    return frame.astype(dict.fromkeys(numbers, "float32"))
