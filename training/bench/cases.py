"""The cases of looking: which answers are judged beside whose, and the rows they give."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from router.answers.verifier import SIZE, Verifier
from router.decide.heads import sigmoid
from router.registry.artifact import Artifact
from router.types import FloatArray, IntArray
from training.bench.constants import FIT_C, INNER_FOLDS, OWN_SHARE, TEACHING_ANSWERS
from training.data.answers import Answered, read_answers
from training.data.dataset import Dataset
from training.data.opinions import Abilities, Opinions, PromptLogits
from training.data.splits import group_folds
from training.evaluate import metrics
from training.fit.verifier import VerifierRows, fit_verifier, rows_of
from training.pipelines.answers import abilities_of, measured
from training.pipelines.training_set import TrainingSet

_LLAMA, _CLAUDE = "Meta-Llama-3.1-8B-Instruct", "claude-3-5-sonnet-20241022"
_GPT = "gpt-4o-2024-05-13"


@dataclass(frozen=True)
class Setup:
    """A protocol: a pair of models on one source, and whose opinions are asked."""

    source: str
    local: str
    others: tuple[str, ...]
    cloud: str

    @property
    def name(self) -> str:
        """Short words for the table."""
        asked = " + ".join(_short(o) for o in self.others) or "answer alone"
        return f"{self.source}, {_short(self.local)}: {asked}"


_LOOKS = (
    Setup("ZeroEval", _LLAMA, (), _CLAUDE),
    Setup("ZeroEval", _LLAMA, ("gemma-2-9b-it",), _CLAUDE),
    Setup("ZeroEval", _LLAMA, ("Qwen2-7B-Instruct",), _CLAUDE),
    Setup("ZeroEval", _LLAMA, ("gemma-2-2b-it",), _CLAUDE),
    Setup("ZeroEval", "gemma-2-2b-it", ("Phi-3.5-mini-instruct",), _CLAUDE),
    Setup("MMLU-Pro", _LLAMA, (), _GPT),
    Setup("MMLU-Pro", _LLAMA, ("Phi-3-mini-4k-instruct",), _GPT),
    Setup("MMLU-Pro", _LLAMA, ("Phi-3-mini-4k-instruct", "Mixtral-8x7B-Instruct-v0.1"), _GPT),
)


def _short(model: str) -> str:
    return model.removeprefix("Meta-").removesuffix("-Instruct").removesuffix("-it")


@dataclass(frozen=True)
class Bench:
    """Everything that runs share; prompts and answers of each source apart."""

    data: Dataset
    answers: dict[str, Opinions]
    prompts: TrainingSet
    ability: Abilities

    @classmethod
    def load(cls, data: Dataset, folder: Path, model: Artifact) -> "Bench":
        """Read the answers beside the outcomes."""
        opinions = Opinions.read(model, read_answers(folder), data.prompts, data)
        everything = opinions.answers
        answers = {}
        for source in everything.frame["source"].unique():
            at = np.flatnonzero(everything.frame["source"].eq(source))
            part = Answered(
                everything.frame.iloc[at].reset_index(drop=True),
                [everything.readings[i] for i in at],
            )
            answers[str(source)] = Opinions(part, opinions.weight, opinions.dimensions)
        return cls(data, answers, TrainingSet.of(data, model), abilities_of(model))

    @cached_property
    def scores(self) -> "pd.Series[float]":
        """Score by (prompt_id, model)."""
        return self.data.rows.set_index(["prompt_id", "model"])["score"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Rows of one protocol; `local` and `cloud` are the pair's own outcomes, shape (n,)."""

    look: Setup
    prompts: Any
    group: Any
    local: FloatArray
    cloud: FloatArray

    @classmethod
    def of(cls, look: Setup, bench: Bench) -> "Case":
        """The prompts where all of the protocol's models have answers and outcomes."""
        opinions = bench.answers[look.source]
        names = (look.local, *look.others)
        scores = bench.scores
        ids = [
            p
            for p in opinions.of_prompt
            if all((p, m) in opinions.at for m in names)
            and (p, look.cloud) in scores.index
            and (p, look.local) in scores.index
        ]
        frame = opinions.answers.frame.drop_duplicates("prompt_id").set_index("prompt_id")
        return cls(
            look=look,
            prompts=np.array(ids, dtype=object),
            group=frame.loc[ids, "group"].to_numpy(),
            local=scores.loc[[(p, look.local) for p in ids]].to_numpy(dtype="float64"),
            cloud=scores.loc[[(p, look.cloud) for p in ids]].to_numpy(dtype="float64"),
        )

    def rows(
        self, bench: Bench, logits: PromptLogits | None, at: IntArray | None = None
    ) -> VerifierRows:
        """Feature rows in the order of `prompts` (or some of them), with the pair's labels."""
        opinions = bench.answers[self.look.source]
        chosen = np.arange(len(self.prompts)) if at is None else at
        draws = opinions.of_models(self.prompts[chosen], self.look.local, self.look.others)
        rows = rows_of(opinions, draws, bench.ability, logits)
        blend = OWN_SHARE * self.cloud[chosen] + (1 - OWN_SHARE) * rows.cloud
        ones = np.ones(len(chosen))
        return replace(rows, local=self.local[chosen], cloud=blend, weight=ones)


def looks_in(bench: Bench) -> list[Setup]:
    """The known protocols that the data holds; of any other source its most frequent models."""
    rows = bench.data.rows
    out = []
    for source, opinions in bench.answers.items():
        models = opinions.answers.frame["model"].value_counts().index.tolist()
        clouds = rows[rows["source"].eq(source) & rows["tier"].eq("cloud")]["model"]
        known = [
            w
            for w in _LOOKS
            if w.source == source and {w.local, *w.others} <= set(models) and w.cloud in set(clouds)
        ]
        if not known and len(clouds):
            cloud = str(clouds.mode()[0])
            known = [Setup(source, models[0], (), cloud)]
            known += [Setup(source, models[0], (m,), cloud) for m in models[1:2]]
        out += known
    return out


def teaching(looks: Sequence[Setup]) -> list[Setup]:
    """Of every source the first protocol with one other opinion: what transfers and teaches."""
    found: dict[str, Setup] = {}
    for look in looks:
        if len(look.others) == 1:
            found.setdefault(look.source, look)
    return list(found.values())


def prompt_logits(
    bench: Bench, source: str, train: Any, test: Any, rng: np.random.Generator
) -> PromptLogits:
    """Logits on `test` prompts by a fit on `train`, and on `train` by inner folds of it."""
    rows = bench.data.rows
    rows = rows[rows["source"] == source]
    frame = bench.prompts.data.prompts.set_index("prompt_id")
    mine = rows["prompt_id"].isin(train)
    out = bench.prompts.logits(bench.prompts.fit(rows[mine]), pd.Series(test))
    known = np.asarray(train)
    for inner, held in group_folds(frame.loc[known, "group"].to_numpy(), INNER_FOLDS, rng):
        part = rows["prompt_id"].isin(known[inner])
        fitted = bench.prompts.fit(rows[part])
        out = {**out, **bench.prompts.logits(fitted, pd.Series(known[held]))}
    return out


def other_models(
    bench: Bench,
    case: Case,
    train: IntArray,
    logits: PromptLogits | None,
    rng: np.random.Generator,
) -> VerifierRows:
    """Answers of all models to the train prompts, beside as many opinions as the protocol asks."""
    opinions = bench.answers[case.look.source]
    at = np.concatenate([opinions.of_prompt[p] for p in case.prompts[train]])
    at = rng.permutation(at)[:TEACHING_ANSWERS]
    count = len(case.look.others)
    draws = opinions.draws(rng, at, int(count == 1), int(count == 2))
    draws = [d for d in draws if len(d[1]) == count]
    rows = rows_of(opinions, draws, bench.ability, logits)
    return rows.take(np.flatnonzero(np.isfinite(rows.local) & np.isfinite(rows.cloud)))


def taught(
    bench: Bench,
    cases: Sequence[Case],
    held: set[str],
    logits: PromptLogits | None,
    rng: np.random.Generator,
) -> Verifier:
    """One verifier for all protocols of a source, of the prompts that are not `held`."""
    parts = []
    for case in cases:
        train = np.flatnonzero([p not in held for p in case.prompts])
        parts += [case.rows(bench, logits, train), other_models(bench, case, train, logits, rng)]
    return fit_verifier(reduce(VerifierRows.joined, parts), strength=FIT_C, trust=np.ones(SIZE))


def prompt_only(bench: Bench, case: Case, test: IntArray, logits: PromptLogits) -> FloatArray:
    """p_local and p_cloud from the prompt alone, shape (n, 2)."""
    z = np.array([logits[p] for p in case.prompts[test]])
    z[:, 0] += bench.ability(case.look.local)
    return sigmoid(z)


def judged(
    p: FloatArray, y: tuple[FloatArray, FloatArray], *, ranking: bool = False
) -> dict[str, float]:
    """APGR and AUC of p (n, 2); Brier skill and ECE too unless it only ranks.

    `apgr_local`: the APGR of 1 - p_local, as if all the cloud's answers were equally good.
    """
    local, cloud = y
    ranked = {
        "apgr": metrics.apgr(p[:, 1] - p[:, 0], local, cloud),
        "apgr_local": metrics.apgr(-p[:, 0], local, cloud),
    }
    known = measured(p[:, 0], local)
    return {**ranked, "auc": known["auc"]} if ranking else {**ranked, **known}
