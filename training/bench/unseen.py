"""Answers of models and questions, and of whole sources, that no fit has seen.

What a stranger gets on the first day: nobody measured the model, nobody taught the work.
`models_left_out` leaves a fifth of each source's models and of all questions out at a time,
`source_left_out` one source with all its questions, `kinds_left_out` a fifth of the kinds of tool
calls, each beside what a line of code gets on the same rows. Each makes one fit, so that they are
spread over processes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from router.answers.kinds import BEGUN
from router.answers.verifier import NAMES, Verifier, kinds_of
from router.decide.heads import sigmoid
from router.registry.ability import ability_of
from router.registry.artifact import Artifact
from router.types import FloatArray, IntArray
from training.bench.cases import Bench
from training.bench.constants import (
    BEGINNING_ANSWERS,
    LABELS,
    RELIABILITY_BINS,
    UNSEEN_ANSWERS,
    UNSEEN_FOLDS,
)
from training.data.answers import beginnings, read_answers
from training.data.offers import foreign_offers
from training.data.opinions import Abilities, Opinions
from training.data.splits import group_hash, group_sample
from training.evaluate import metrics
from training.evaluate.constants import GOOD_SCORE
from training.fit.verifier import (
    VerifierRows,
    acquainted,
    adapted,
    fit_verifier,
    rows_of,
)
from training.pipelines.constants import BEGINNINGS_WEIGHT, FOREIGN_WEIGHT

Measures = dict[str, dict[str, dict[str, float]]]  # source -> method -> measure
_Kept = Callable[[VerifierRows], IntArray]  # indices of the rows that are kept
LOOKS = (120, 240, 480)  # characters after which streams are looked at
_ONE, _TWO = (NAMES.index(f"{n} other opinion{s}") for n, s in (("one", ""), ("two", "s")))
_COLUMNS = {"length of the answer": "length of the answer", "equality": "agreement: equal"}


@dataclass(frozen=True)
class Strangers:
    """Rows of every source with the prompt unknown and abilities as if nobody measured a model.

    `whole[source]`: beside none, one and two opinions. `begun[source][characters]`: what is read by
    then, of shorter answers all. `foreign[source]`: the same beside tools that were offered for
    other requests; these only teach. `category`: by group.
    """

    whole: dict[str, VerifierRows]
    begun: dict[str, dict[int, VerifierRows]]
    foreign: dict[str, VerifierRows]
    category: Mapping[str, str]

    @classmethod
    def load(cls, bench: Bench, folder: Path, model: Artifact, seed: int = 0) -> "Strangers":
        """Read and sample the answers."""
        rng = np.random.default_rng(seed)
        whole: dict[str, VerifierRows] = {}
        begun: dict[str, dict[int, VerifierRows]] = {}
        foreign: dict[str, VerifierRows] = {}
        prompts = bench.data.prompts
        texts = read_answers(folder)
        texts = texts[texts["text"].notna()]
        for source, opinions in bench.answers.items():
            ability = unmeasured(model, set(opinions.answers.frame["model"]))
            at = rng.permutation(len(opinions.answers))[:UNSEEN_ANSWERS]
            draws = opinions.draws(rng, at, singles=1, pairs=1)
            whole[source] = _scored(rows_of(opinions, draws, ability))
            mine = texts[texts["prompt_id"].isin(opinions.of_prompt)]
            begun[source] = {}
            for characters in LOOKS if len(mine) else ():
                some = mine.sample(min(BEGINNING_ANSWERS, len(mine)), random_state=seed)
                cut = beginnings(some, rng, (characters,))
                ended = some[some["text"].str.len() <= characters]
                both = pd.concat([cut, ended], ignore_index=True)
                read = Opinions.read(model, both, bench.data.prompts, bench.data)
                alone = [(i, ()) for i in range(len(read.answers))]
                begun[source][characters] = _scored(rows_of(read, alone, ability))
            made, asked = foreign_offers(mine, prompts, rng)
            if len(made):
                read = Opinions.read(model, made, asked, bench.data)
                draws = read.draws(rng, np.arange(len(made)), singles=1, pairs=1)
                foreign[source] = _scored(rows_of(read, draws, ability))
        category = dict(zip(prompts["group"], prompts["category"], strict=True))
        return cls(whole, begun, foreign, category)

    def fitted(self, kept: _Kept) -> Verifier:
        """A verifier of the rows that `kept` lets through."""
        whole = [rows.take(kept(rows)) for rows in self.whole.values()]
        begun = [_begun(r.take(kept(r))) for parts in self.begun.values() for r in parts.values()]
        rows = reduce(VerifierRows.joined, [r for r in whole if len(r.local)]).balanced()
        foreign = [r.take(kept(r)) for r in self.foreign.values()]
        for made, weight in ((begun, BEGINNINGS_WEIGHT), (foreign, FOREIGN_WEIGHT)):
            if some := [r for r in made if len(r.local)]:
                rows = rows.joined(reduce(VerifierRows.joined, some).balanced(), weight)
        return acquainted(fit_verifier(rows), rows)

    def without(self, source: str) -> Verifier:
        """A verifier of the other sources, without any question that `source` holds."""
        return self.fitted(_outside(set(self.whole[source].group.tolist())))

    def methods(self, source: str, kept: _Kept) -> dict[str, VerifierRows]:
        """Rows to judge, by how much is looked at."""
        rows = self.whole[source].take(kept(self.whole[source]))
        one, two = (rows.features[:, at] > 0 for at in (_ONE, _TWO))
        found = {
            "answer": rows.take(np.flatnonzero(~one & ~two)),
            "one opinion": rows.take(np.flatnonzero(one)),
            "two opinions": rows.take(np.flatnonzero(two)),
        }
        for characters, begun in self.begun[source].items():
            found[f"{characters} characters"] = begun.take(kept(begun))
        return {name: part for name, part in found.items() if len(part.local)}


def unmeasured(model: Artifact, hidden: set[str]) -> Abilities:
    """Abilities as `model` would suggest them had it never seen the models `hidden`."""
    models = model.manifest["models"]
    known = {k: v for k, v in models["local"].items() if k not in hidden}
    return lambda name: ability_of(name, known, models["reference_local"])


def models_left_out(strangers: Strangers, seed: int, fold: int) -> Measures:
    """One fold of the models and questions, judged by a verifier that saw neither."""
    hidden = _Fold.of(seed, fold, strangers)
    verifier = strangers.fitted(hidden.outside)
    found: Measures = {}
    for source in strangers.whole:
        ours = found.setdefault(source, {})
        for method, rows in strangers.methods(source, hidden.inside).items():
            ours[method] = _measures(judged_by(verifier, rows), rows)
            for name, column in _COLUMNS.items():
                values = rows.features[:, NAMES.index(column)]
                ours[f"{name}, {method}"] = _ranked(values, rows)
    return found


def source_left_out(
    strangers: Strangers, source: str, seeds: int
) -> tuple[list[dict[str, dict[str, float]]], dict[str, list[dict[str, float]]]]:
    """A verifier that never saw `source`: measures by method, one dict a seed, and diagrams.

    Measures without a label, then after LABELS of them, which the seed draws. A diagram is a list
    of points.
    """
    verifier = strangers.without(source)
    methods = strangers.methods(source, _everything)
    drawn = {method: judged_by(verifier, rows) for method, rows in methods.items()}
    runs = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        run = {}
        for method, rows in methods.items():
            run[method] = _measures(drawn[method], rows)
            few, rest = group_sample(rows.group, LABELS, rng)
            left, moved = rows.take(rest), adapted(verifier, rows.take(few))
            run[f"{method}, {LABELS} labels"] = _measures(judged_by(moved, left), left)
        runs.append(run)
    points = {m: _points(p, (methods[m].local >= GOOD_SCORE) * 1.0) for m, p in drawn.items()}
    return runs, points


def kinds_left_out(strangers: Strangers, source: str, fold: int) -> Measures:
    """A fifth of the kinds of a source's tool calls, judged by a verifier that saw none of them.

    Of the categories of exams another protocol tells (`training.bench.prompts`).
    """
    rows = strangers.whole[source]
    names = np.array([strangers.category.get(str(g), "") for g in rows.group])
    left = sorted(set(names.tolist()))[fold::UNSEEN_FOLDS]
    groups = set(rows.group[np.isin(names, left)].tolist())
    found: Measures = {source: {}}
    if not groups:
        return found
    verifier = strangers.fitted(_outside(groups))
    for method, tested in strangers.methods(source, _outside(groups, inside=True)).items():
        found[source][method] = _measures(judged_by(verifier, tested), tested)
        equal = tested.features[:, NAMES.index("agreement: equal")]
        found[source][f"equality, {method}"] = _ranked(equal, tested)
    return found


def _outside(groups: set[str], inside: bool = False) -> _Kept:
    """Rows of no group of these, or of one of them."""
    return lambda rows: np.flatnonzero([(g in groups) == inside for g in rows.group.tolist()])


def judged_by(verifier: Verifier, rows: VerifierRows) -> FloatArray:
    """p_local as it would be served where the prompt is unknown, shape (n,)."""
    logits = verifier.served(rows.features)
    p: FloatArray = sigmoid(logits)[:, 0]
    return p


def _points(p: FloatArray, good: FloatArray) -> list[dict[str, float]]:
    """Mean probability and share of good answers, by bin of equal size."""
    found = zip(*metrics.reliability(p, good, RELIABILITY_BINS), strict=True)
    return [{"p": float(a), "good": float(b), "share": float(c)} for a, b, c in found]


@dataclass(frozen=True)
class _Fold:
    """A part of the models and of the questions; the same in every source.

    `models`: those that are hidden.
    """

    seed: int
    fold: int
    models: frozenset[str]

    @classmethod
    def of(cls, seed: int, fold: int, strangers: Strangers) -> "_Fold":
        """Every fifth model, in an order that the seed sets."""
        names = {n for rows in strangers.whole.values() for n in rows.model.tolist()}
        order = sorted(names, key=lambda n: group_hash(f"{seed}:{n}"))
        return cls(seed, fold, frozenset(order[fold::UNSEEN_FOLDS]))

    def _hides(self, rows: VerifierRows) -> "tuple[NDArray[np.bool_], NDArray[np.bool_]]":
        groups = {
            g: group_hash(f"{self.seed}:{g}") % UNSEEN_FOLDS for g in set(rows.group.tolist())
        }
        models = [m in self.models for m in rows.model.tolist()]
        questions = [groups[g] == self.fold for g in rows.group.tolist()]
        return np.array(models, dtype=bool), np.array(questions, dtype=bool)

    def inside(self, rows: VerifierRows) -> IntArray:
        """Rows of hidden models and hidden questions."""
        models, questions = self._hides(rows)
        return np.flatnonzero(models & questions)

    def outside(self, rows: VerifierRows) -> IntArray:
        """Rows of neither."""
        models, questions = self._hides(rows)
        return np.flatnonzero(~models & ~questions)


def _everything(rows: VerifierRows) -> IntArray:
    return np.arange(len(rows.local))


def _begun(rows: VerifierRows) -> VerifierRows:
    """Those that are still being written; the others are among the whole answers."""
    return rows.take(np.flatnonzero(np.isin(kinds_of(rows.features), [*BEGUN])))


def _scored(rows: VerifierRows) -> VerifierRows:
    return rows.take(np.flatnonzero(np.isfinite(rows.local)))


def _measures(p: FloatArray, rows: VerifierRows) -> dict[str, float]:
    good = (rows.local >= GOOD_SCORE) * 1.0
    return {
        "auc_within": within_models(p, rows),
        "auc": metrics.auc(p, good),
        "ece": metrics.ece(p, good),
        "mean_p": float(p.mean()),
        "good": float(good.mean()),
    }


def _ranked(values: FloatArray, rows: VerifierRows) -> dict[str, float]:
    return {"auc_within": within_models(values, rows)}


def within_models(p: FloatArray, rows: VerifierRows) -> float:
    """AUC of a good answer within one model's answers by one grader, mean over these."""
    found = []
    for pair in set(zip(rows.model.tolist(), rows.grader.tolist(), strict=True)):
        mine = (rows.model == pair[0]) & (rows.grader == pair[1])
        good = rows.local[mine] >= GOOD_SCORE
        if 0 < good.sum() < len(good):
            found.append(metrics.auc(p[mine], good * 1.0))
    return float(np.mean(found)) if found else float("nan")


def mean_over(folds: Sequence[Measures]) -> Measures:
    """The mean of each measure over the folds that have it."""
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    for one in folds:
        for source, methods in one.items():
            for method, measures in methods.items():
                found.setdefault(source, {}).setdefault(method, []).append(measures)
    return {
        source: {
            method: {key: float(np.nanmean([r[key] for r in runs])) for key in runs[0]}
            for method, runs in methods.items()
        }
        for source, methods in found.items()
    }
