"""Scoring a model folder on data, on rows that it was not fitted on."""

from router.decide.heads import Heads
from router.errors import DataError
from router.registry.artifact import Artifact
from training.data.dataset import Dataset
from training.data.featurize import featurize
from training.data.splits import unseen
from training.evaluate.evaluation import (
    Evaluation,
    Scored,
    evaluate_scored,
    outcome_pairs,
    scored_pairs,
)
from training.fit.encoder import of_artifact
from training.fit.head import TIERS
from training.fit.heads import Fitted


def fitted_of(artifact: Artifact) -> Fitted:
    """The heads of a model folder, as a fit."""
    models = {t: dict(artifact.manifest["models"][t]) for t in TIERS}
    return Fitted(Heads.from_arrays(artifact.arrays), models, {})


def scored_by(
    artifact: Artifact, data: Dataset, *, also_unseen_by: Artifact | None = None
) -> Scored:
    """Predictions beside outcomes, for prompts with both outcomes that no fit has seen."""
    rows = data.rows
    rows = rows[unseen(rows["group"], artifact.arrays["seen"])]
    if also_unseen_by is not None:
        rows = rows[unseen(rows["group"], also_unseen_by.arrays["seen"])]
    pairs = outcome_pairs(rows)
    prompts = rows.drop_duplicates("prompt_id")
    prompts = prompts[prompts["prompt_id"].isin(pairs["prompt_id"])]
    if prompts.empty:
        raise DataError(
            "No prompt has outcomes on both tiers and is new to the model; "
            "evaluate on data that it was not fitted on."
        )
    features = featurize(of_artifact(artifact).extractor(), Dataset(prompts).requests)
    position = {p: i for i, p in enumerate(prompts["prompt_id"])}
    return scored_pairs(fitted_of(artifact), features, pairs, position)


def evaluate(artifact: Artifact, data: Dataset, *, seed: int = 0) -> Evaluation:
    """Evaluate a model folder on `data`; groups that it was fitted on are left out."""
    threshold = float(artifact.manifest["threshold"]["default"])
    return evaluate_scored(scored_by(artifact, data), threshold, seed=seed)


def paired(artifact: Artifact, data: Dataset) -> bool:
    """Whether any prompt that is new to a model folder has outcomes of both tiers."""
    rows = data.rows[unseen(data.rows["group"], artifact.arrays["seen"])]
    return not outcome_pairs(rows).empty
