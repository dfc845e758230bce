"""The pipeline of the verifier: answers beside outcomes in, a version that can look out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
import pandas as pd

from router.answers.constants import MAX_OPINIONS
from router.answers.kinds import EVIDENCE
from router.answers.reading import Reader
from router.answers.verifier import NAMES, Verifier, kinds_of
from router.decide.deferral import TO_BEGINNING
from router.decide.extractors import extractor_of
from router.decide.heads import sigmoid
from router.errors import TrainingError
from router.registry.ability import ability_of
from router.registry.artifact import Artifact
from router.types import FloatArray, IntArray
from training.data.answers import beginnings, broken
from training.data.dataset import Dataset
from training.data.offers import foreign_offers
from training.data.opinions import Abilities, Opinions, PromptLogits
from training.data.splits import PARTS, group_folds, group_hash, parts
from training.evaluate import metrics
from training.evaluate.scoring import fitted_of
from training.fit.constants import MIN_ROWS
from training.fit.deferral import look_table
from training.fit.head import TIERS
from training.fit.verifier import (
    VerifierRows,
    acquainted,
    adapted,
    core_rows,
    fit_verifier,
    recalibrated,
    rows_of,
)
from training.pipelines.beginnings import beginning_tables, texts_of
from training.pipelines.constants import (
    BEGINNINGS_WEIGHT,
    BROKEN_WEIGHT,
    CALIBRATION_PRIOR,
    FOREIGN_WEIGHT,
)
from training.pipelines.training_set import TrainingSet

Progress = Callable[[str], None]


def abilities_of(artifact: Artifact) -> Abilities:
    """Ability of a local model beside the reference, in logits, by name."""
    known = artifact.manifest["models"]["local"]
    reference = artifact.manifest["models"]["reference_local"]
    return lambda model: ability_of(model, known, reference)


def honest_logits(
    prompts: TrainingSet, sources: list[str], rng: np.random.Generator, folds: int = 3
) -> PromptLogits:
    """Prompt logits by heads that never saw the prompt's group.

    For every fourth prompt they come from heads that never saw its source either: of a user's
    traffic most is like what the heads were fitted on and some is not, and the verifier must not
    trust the prompt's probability more than that bears.
    """
    rows = prompts.data.rows
    frame = prompts.data.prompts
    out: dict[str, tuple[float, float]] = {}
    strange = np.array([group_hash(f"strange:{g}") % 4 == 0 for g in frame["group"]])
    for train, test in group_folds(frame["group"].to_numpy(), folds, rng):
        known = rows["prompt_id"].isin(frame["prompt_id"].iloc[train])
        wanted = frame.iloc[test][frame["source"].iloc[test].isin(sources) & ~strange[test]]
        out |= prompts.logits(prompts.fit(rows[known]), wanted["prompt_id"])
    for source in sources:
        mine = frame["source"].eq(source)
        if not mine.any():  # a source without prompts
            continue
        other = ~rows["group"].isin(frame["group"][mine])
        if rows[other]["tier"].nunique() < len(TIERS):
            continue
        out |= prompts.logits(prompts.fit(rows[other]), frame["prompt_id"][mine & strange])
    return out


def fit_second(
    data: Dataset,
    answers: pd.DataFrame,
    base: Artifact,
    *,
    name: str,
    scratch: bool = False,
    seed: int = 0,
    progress: Progress = lambda step: None,
) -> Artifact:
    """`base` with a verifier fitted on `answers`, or with its own one moved to them.

    By the hash of its group every answer belongs to one part: weights come from the part `fit`,
    calibration and the tables of looking from `calibration` and `threshold` (a base's verifier is
    moved by all three), the measures in the manifest from `test`. Raises TrainingError for fewer
    than 20 scored answers.
    """
    progress("reading the answers")
    ability = abilities_of(base)
    opinions = Opinions.read(base, answers, data.prompts, data)
    frame = opinions.answers.frame
    if frame["score"].notna().sum() < MIN_ROWS:
        raise TrainingError(
            f"Fewer than {MIN_ROWS} answers have a score; join them with outcomes by prompt_id "
            "and model, or use python -m training study, which needs none."
        )
    prompts = TrainingSet.of(data, base)
    rng = np.random.default_rng(seed)
    part = parts(frame["group"])
    at = {p: np.flatnonzero(part == p) for p in PARTS}
    held = np.concatenate([at["calibration"], at["threshold"]])
    if base.verifier is None or scratch:
        progress("prompt probabilities by heads that did not see the prompt")
        logits = honest_logits(prompts, sorted(frame["source"].unique()), rng)
        progress("fitting the verifier")
        read = [(opinions, 1.0), *_made(answers, base, data, rng)]
        verifier = _core(read, ability, logits, rng)
    else:
        progress("moving the base's verifier")
        asked = frame["prompt_id"].drop_duplicates()
        known = asked[asked.isin(prompts.position)]
        logits = prompts.logits(fitted_of(base), known)
        draws = opinions.draws(rng, np.concatenate([at["fit"], held]))
        rows = rows_of(opinions, draws, ability, logits)
        verifier = adapted(Verifier.from_arrays(base.verifier), rows)
    progress("the tables of looking, and the test rows")
    look = _look_tables(opinions, held, verifier, ability, logits, rng)
    if look is None:
        if base.verifier is None:
            raise TrainingError("No prompt has answers of two local models; collect some first.")
        look = base.verifier["look"]
    reader = Reader(extractor_of(base), opinions.weight)
    texts = texts_of(answers)
    begun = beginning_tables(opinions, texts, held, reader, verifier, ability, logits)
    if begun is not None:
        look = np.concatenate([look[:TO_BEGINNING], begun])
    arrays = {**verifier.arrays(), "look": look}
    described = {
        "answers": len(frame),
        "sources": frame["source"].value_counts().to_dict(),
        "features": list(NAMES),
        "base": base.version if base.verifier and not scratch else None,
        "seed": seed,
        "metrics": _measures(opinions, at["test"], verifier, ability, logits, rng),
        "kinds": _measures_of_kinds(opinions, at["test"], verifier, ability, rng),
    }
    manifest = {**base.manifest, "version": name, "verifier": described, "base": base.version}
    return replace(base, manifest=manifest, verifier=arrays)


def _made(
    answers: pd.DataFrame, base: Artifact, data: Dataset, rng: np.random.Generator
) -> Iterator[tuple[Opinions, float]]:
    """What is made of `answers`, each with its weight beside them."""
    strange, prompts = foreign_offers(answers, data.prompts, rng)
    for frame, asked, weight in (
        (beginnings(answers, rng), data.prompts, BEGINNINGS_WEIGHT),
        (broken(answers, rng), data.prompts, BROKEN_WEIGHT),
        (strange, prompts, FOREIGN_WEIGHT),
    ):
        if len(frame):
            yield Opinions.read(base, frame, asked, data), weight


def _core(
    read: Sequence[tuple[Opinions, float]],
    ability: Abilities,
    logits: PromptLogits,
    rng: np.random.Generator,
) -> Verifier:
    """A verifier of the part `fit`, with the prompt known and unknown, calibrated on what is held.

    `read`: whole answers first, then what was made of them, each with its weight.
    """

    def rows_in(wanted: tuple[str, ...]) -> VerifierRows:
        out = []
        for opinions, weight in read:
            at = np.flatnonzero(np.isin(parts(opinions.answers.frame["group"]), wanted))
            if len(at):
                rows = core_rows(opinions, ability, logits, rng, at).balanced()
                out.append(replace(rows, weight=rows.weight * weight))
        return reduce(VerifierRows.joined, out)

    rows = rows_in(("fit",))
    verifier = acquainted(fit_verifier(rows), rows)
    return recalibrated(verifier, rows_in(("calibration", "threshold")), CALIBRATION_PRIOR)


def _look_tables(
    opinions: Opinions,
    at: IntArray,
    verifier: Verifier,
    ability: Abilities,
    logits: PromptLogits,
    rng: np.random.Generator,
) -> FloatArray | None:
    draws = [d for d in opinions.draws(rng, at, singles=MAX_OPINIONS, pairs=0) if len(d[1]) == 1]
    ids = opinions.answers.frame["prompt_id"].to_numpy()
    draws = [d for d in draws if ids[d[0]] in logits]
    if not draws:
        return None
    after = sigmoid(verifier.logits(opinions.rows(draws, ability, logits)))
    alone = sigmoid(verifier.logits(opinions.rows([(i, ()) for i, _ in draws], ability, logits)))
    models = opinions.answers.frame["model"].to_numpy()
    prompt = np.array([logits[ids[i]] for i, _ in draws])
    prompt[:, 0] += [ability(models[i]) for i, _ in draws]
    return np.stack([look_table(sigmoid(prompt), after), look_table(alone, after)])


def _measures(
    opinions: Opinions,
    at: IntArray,
    verifier: Verifier,
    ability: Abilities,
    logits: PromptLogits,
    rng: np.random.Generator,
) -> dict[str, dict[str, float]]:
    """AUC, Brier skill and ECE of p_local on test rows, by number of other opinions."""
    draws = opinions.draws(rng, at, singles=1, pairs=1)
    rows = rows_of(opinions, draws, ability, logits)
    count = np.array([len(others) for _, others in draws])
    return _by_count(sigmoid(verifier.logits(rows.features))[:, 0], rows.local, count)


def _measures_of_kinds(
    opinions: Opinions,
    at: IntArray,
    verifier: Verifier,
    ability: Abilities,
    rng: np.random.Generator,
) -> dict[str, dict[str, dict[str, float]]]:
    """The same by kind of evidence, the prompt unknown: what labels from agreement rest on."""
    draws = opinions.draws(rng, at, singles=1, pairs=1)
    rows = rows_of(opinions, draws, ability)
    p = sigmoid(verifier.served(rows.features))[:, 0]
    count = np.array([len(others) for _, others in draws])
    kinds = kinds_of(rows.features)
    out = {}
    for kind, name in enumerate(EVIDENCE):
        mine = kinds == kind
        if np.isfinite(rows.local[mine]).sum() >= MIN_ROWS:
            out[name] = _by_count(p[mine], rows.local[mine], count[mine])
    return out


def _by_count(p: FloatArray, label: FloatArray, count: IntArray) -> dict[str, dict[str, float]]:
    """Measures by the number of other opinions."""
    out = {}
    for n in range(MAX_OPINIONS + 1):
        mine = (count == n) & np.isfinite(label)
        if mine.any():
            out[f"{n} other opinions"] = {
                "rows": int(mine.sum()),
                **measured(p[mine], label[mine]),
            }
    return out


def measured(p: FloatArray, y: FloatArray) -> dict[str, float]:
    """AUC, Brier skill and ECE of probabilities."""
    return {
        "auc": metrics.auc(p, (y >= 0.5) * 1.0),
        "brier_skill": metrics.brier_skill(p, y),
        "ece": metrics.ece(p, y),
    }
