"""Labels for free: what a second local model's answers teach the prompt classifier.

The verifier turns each stored answer, beside the answers of other local models, into a probability
that it is good; these are soft labels for both heads. Routers without labels by consensus:
CASCAL (arXiv 2601.09692). Where true labels exist, they replace soft ones, weigh more (how much,
held-out likelihood decides) and recalibrate the result.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from router.answers.verifier import Verifier, kinds_of
from router.decide.heads import sigmoid
from router.decide.reliability import Reliability
from router.errors import TrainingError
from router.registry.artifact import Artifact
from router.types import FloatArray
from training.data.dataset import CORE, REFERENCE, Dataset, checked
from training.data.opinions import Abilities, Draw, Opinions
from training.data.splits import group_folds, parts
from training.fit.constants import ADAPT_PRIOR, FOLDS_PRIOR
from training.fit.head import TIERS, Base
from training.fit.heads import Fitted
from training.fit.verifier import recalibrated, rows_of
from training.pipelines.answers import abilities_of
from training.pipelines.constants import FAINT, MIN_TRUE, TRUE_FOLDS, TRUE_WEIGHTS
from training.pipelines.prompts import Progress, Trained, base_of, calibrated, train
from training.pipelines.training_set import TrainingSet

# How many soft labels one true label weighs; 0 leaves true labels to the calibration alone.


def soft_labels(
    opinions: Opinions,
    draws: Sequence[Draw],
    verifier: Verifier,
    ability: Abilities,
    reliability: Reliability,
    prompts: pd.DataFrame,
) -> pd.DataFrame:
    """Canonical rows: for each draw one of the local model and one of the reference cloud model.

    `prompts` holds prompt_id and prompt. `score` is the verifier's probability, `weight` its
    reliability for the kind of evidence. The prompt's own probability stays out of it, or the
    classifier would learn from itself. Several draws of one answer are averaged.
    """
    frame = opinions.answers.frame.iloc[[i for i, _ in draws]]
    rows = opinions.rows(draws, ability)
    p = sigmoid(verifier.served(rows))
    kinds = kinds_of(rows).tolist()
    weight = np.array(
        [reliability.of(k, len(others)) for k, (_, others) in zip(kinds, draws, strict=True)]
    )
    text = prompts.drop_duplicates("prompt_id").set_index("prompt_id")["prompt"]
    sides = []
    for column, tier in enumerate(TIERS):
        side = frame[["prompt_id", "group", "source", "category"]].assign(
            tier=tier,
            score=p[:, column],
            weight=weight,
            model=frame["model"] if tier == "local" else REFERENCE["cloud"],
        )
        side["prompt"] = side["prompt_id"].map(text)
        keys = [c for c in CORE if c not in ("score", "weight", "created_at")]
        side = side.groupby(keys, as_index=False, sort=False)[["score", "weight"]].mean()
        sides.append(side.assign(created_at=None)[list(CORE)])
    return pd.concat(sides, ignore_index=True)


def study(
    prompts: pd.DataFrame,
    answers: pd.DataFrame,
    base: Artifact,
    *,
    name: str,
    true: Dataset | None = None,
    seed: int = 0,
    progress: Progress = lambda step: None,
) -> Trained:
    """`base` moved to traffic that nobody labelled, by what its verifier thinks of the answers.

    `answers` of at least two local models to `prompts`; answers without another model's beside
    them are not used. `true` outcomes, where there are some, are mixed in and recalibrate.
    Raises TrainingError without a verifier or without a second opinion.
    """
    if base.verifier is None:
        raise TrainingError(
            f"{base.version} has no verifier; fit one: python -m training verifier."
        )
    progress("reading the answers")
    # Outcomes of the test part are for the evaluation alone.
    learned = None if true is None else true.where(parts(true.rows["group"]) != "test")
    opinions = Opinions.read(base, answers, prompts, learned)
    rng = np.random.default_rng(seed)
    draws = [d for d in opinions.draws(rng, np.arange(len(opinions.answers))) if d[1]]
    if not draws:
        raise TrainingError("No prompt has answers of two local models; collect second opinions.")
    verifier = Verifier.from_arrays(base.verifier)
    if learned is not None:
        verifier = recalibrated(verifier, rows_of(opinions, draws, abilities_of(base)), ADAPT_PRIOR)
    soft = soft_labels(
        opinions,
        draws,
        verifier,
        abilities_of(base),
        Reliability.of_manifest(base.manifest["verifier"]),
        prompts,
    )
    known = None if learned is None else learned.rows
    weight, rows = 0.0, soft
    if true is not None and known is not None:
        progress("weighing true labels against free ones")
        every = checked(mixed(soft, true.rows, 1.0), "The labels")
        weight = true_weight(TrainingSet.of(every, base), soft, known, base_of(base), seed)
        rows = mixed(soft, true.rows, weight or FAINT)
    trained = train(
        checked(rows, "The labels"),
        None,
        base=base,
        version_name=name,
        seed=seed,
        recalibrate_on=None if weight else known,
        outcomes=False,
        progress=progress,
    )
    trained.artifact.manifest["study"] = {
        "answers": len(opinions.answers),
        "soft_labels": len(soft),
        "true_weight": weight,
        "true_labels": 0 if known is None else len(known),
    }
    return trained


def learn(
    prompts: TrainingSet,
    soft: pd.DataFrame,
    true: pd.DataFrame | None = None,
    *,
    base: Base | None = None,
    seed: int = 0,
) -> Fitted:
    """Heads fitted on soft labels, with true ones mixed in and used to recalibrate."""
    weight = 0.0 if true is None else true_weight(prompts, soft, true, base, seed)
    return _fit(prompts, soft, true, base, weight)


def true_weight(
    prompts: TrainingSet, soft: pd.DataFrame, true: pd.DataFrame, base: Base | None, seed: int
) -> float:
    """How many soft labels a true one weighs, by log loss on held-out folds of true ones.

    0: true labels only recalibrate. So it is with fewer than 200, too few to choose by.
    """
    if len(true) < MIN_TRUE:
        return 0.0
    losses = {w: _held_out_loss(prompts, soft, true, base, w, seed) for w in TRUE_WEIGHTS}
    return min(losses, key=lambda w: losses[w])


def _fit(
    prompts: TrainingSet,
    soft: pd.DataFrame,
    true: pd.DataFrame | None,
    base: Base | None,
    weight: float,
) -> Fitted:
    if true is None:
        return prompts.fit(soft, base=base)
    if weight:
        return prompts.fit(mixed(soft, true, weight), base=base)
    fitted = prompts.fit(soft, base=base)
    return calibrated(fitted, prompts.features, true, prompts.position, prior=FOLDS_PRIOR)


def mixed(soft: pd.DataFrame, true: pd.DataFrame, weight: float) -> pd.DataFrame:
    """Soft rows and true ones, which replace soft rows of the same prompt and model."""
    keys = ["prompt_id", "model"]
    replaced = pd.MultiIndex.from_frame(soft[keys]).isin(pd.MultiIndex.from_frame(true[keys]))
    heavy = true.assign(weight=true["weight"] * weight)
    return pd.concat([soft[~replaced], heavy], ignore_index=True)


def _held_out_loss(
    prompts: TrainingSet,
    soft: pd.DataFrame,
    true: pd.DataFrame,
    base: Base | None,
    weight: float,
    seed: int,
) -> float:
    """Log loss on folds of true labels of a fit on the others and all soft labels."""
    losses: list[FloatArray] = []
    rng = np.random.default_rng(seed)
    for known, held in group_folds(true["group"].to_numpy(), TRUE_FOLDS, rng):
        fitted = _fit(prompts, soft, true.iloc[known], base, weight)
        losses.append(_losses(prompts, fitted, true.iloc[held]))
    return float(np.concatenate(losses).mean())


def _losses(prompts: TrainingSet, fitted: Fitted, rows: pd.DataFrame) -> FloatArray:
    logits = prompts.logits(fitted, rows["prompt_id"])
    z = np.array([logits[p] for p in rows["prompt_id"]])
    column = rows["tier"].map({t: i for i, t in enumerate(TIERS)}).to_numpy()
    slopes = fitted.heads.calibration[:, 0]
    own = [
        slopes[i] * (fitted.ability(t, m) - fitted.ability(t, REFERENCE[t]))
        for i, t, m in zip(column, rows["tier"], rows["model"], strict=True)
    ]
    logit = z[np.arange(len(rows)), column] + np.array(own)
    score = rows["score"].to_numpy(dtype="float64")
    loss: FloatArray = np.logaddexp(0, logit) - score * logit
    return loss
