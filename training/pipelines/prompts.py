"""The training pipeline: data in, a calibrated and evaluated artifact out."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from router.decide.heads import Heads
from router.errors import TrainingError
from router.registry import artifact as artifacts
from router.registry.artifact import Artifact
from router.text.features import Features
from router.types import FloatArray
from training.data.dataset import Dataset
from training.data.everyday import SOURCE as EVERYDAY
from training.data.featurize import featurize
from training.data.splits import parts, seen_hashes
from training.evaluate.evaluation import Evaluation, evaluate_pairs, outcome_pairs
from training.fit.assemble import assembled
from training.fit.calibrate import platt
from training.fit.constants import FOLDS_PRIOR, ROWS_PRIOR
from training.fit.design import take
from training.fit.encoder import EncoderSource, of_artifact
from training.fit.head import TIERS, Base
from training.fit.heads import Fitted, fit_heads, rows_of
from training.fit.known import known_outcomes
from training.pipelines.constants import CLEARLY_BETTER, MIN_THRESHOLD_ROWS

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """What a fit made: the artifact (not yet on disk), its parts and its test evaluation."""

    artifact: Artifact
    fitted: Fitted
    evaluation: Evaluation
    data: Dataset


def base_of(artifact: Artifact) -> Base:
    """A model folder as the start of a fit."""
    return Base(Heads.from_arrays(artifact.arrays), artifact.manifest["models"])


def train(
    data: Dataset,
    source: EncoderSource | None,
    *,
    base: Artifact | None = None,
    version_name: str | None = None,
    strength: float | None = None,
    seed: int = 0,
    jobs: int = 1,
    recalibrate_on: pd.DataFrame | None = None,
    outcomes: bool = True,
    progress: Progress = lambda step: None,
) -> Trained:
    """Fit, calibrate, set the threshold table and evaluate, each on groups of its own.

    `recalibrate_on`: rows to calibrate on instead of the part kept for it. `outcomes`: whether
    scores are what came of answers, so that a promise can rest on those of the threshold part;
    graded ones never are. Without `source` the base's encoder is used. Raises TrainingError.
    """
    if source is None:
        if base is None:
            raise TrainingError("Name an encoder, or a base model to take it from.")
        source = of_artifact(base)
    progress("computing features")
    prompts = data.prompts
    extractor = source.extractor()
    features = featurize(extractor, prompts["prompt"].tolist())
    position = {p: i for i, p in enumerate(prompts["prompt_id"])}
    part = parts(data.rows["group"])
    progress("fitting both heads")
    fitted = fit_heads(
        features,
        data.rows[part == "fit"],
        position,
        len(extractor.tokens),
        base=base_of(base) if base else None,
        strength=strength,
        seed=seed,
        jobs=jobs,
    )
    progress("calibrating")
    if recalibrate_on is None:
        fitted = calibrated(fitted, features, data.rows[part == "calibration"], position)
    else:
        fitted = calibrated(fitted, features, recalibrate_on, position, prior=FOLDS_PRIOR)
    progress("setting the threshold table")
    reference = _reference(fitted, features, data.rows[part == "threshold"], position, base)
    threshold = best_cut(reference)
    kept = data.rows[(part == "threshold") & (data.rows["source"] != EVERYDAY)]
    known = known_outcomes(fitted, features, kept, position) if outcomes else None
    progress("evaluating on the test rows")
    pairs = outcome_pairs(data.rows[part == "test"])
    evaluation = evaluate_pairs(fitted, features, pairs, position, threshold, seed=seed)
    seen = seen_hashes(
        data.rows.loc[part != "test", "group"], base.arrays["seen"] if base else None
    )
    about = {
        "data": _data_description(data, part),
        "seed": seed,
        "metrics": evaluation.as_dict(),
    }
    artifact = assembled(
        fitted,
        source,
        base=base,
        name=version_name or _version_name(data, seed),
        reference=reference,
        seen=seen,
        threshold=threshold,
        known=known,
        about=about,
    )
    return Trained(artifact, fitted, evaluation, data)


def _data_description(data: Dataset, part: NDArray[Any]) -> dict[str, Any]:
    return {
        "sha256": data.digest,
        "rows": len(data),
        "prompts": len(data.prompts),
        "sources": data.prompts["source"].value_counts().to_dict(),
        "parts": {k: int(v) for k, v in pd.Series(part).value_counts().items()},
        "left_out": data.left_out,
    }


def calibrated(
    fitted: Fitted,
    features: Features,
    rows: pd.DataFrame,
    position: Mapping[str, int],
    *,
    prior: float = ROWS_PRIOR,
    tiers: Collection[str] = TIERS,
) -> Fitted:
    """`fitted` with slope and shift of `tiers` learned on `rows` (which no fit may have seen)."""
    scales = []
    for index, tier in enumerate(TIERS):
        if tier not in tiers:
            scales.append((1.0, 0.0))
            continue
        mine = rows_of(rows, position, tier)
        used, where = np.unique(mine.prompt, return_inverse=True)
        logit = fitted.heads.logits(take(features, used), np.zeros(2))[where, index]
        slope = fitted.heads.calibration[index, 0]
        term = {m: fitted.ability(tier, m) for m in set(mine.model)}
        own = np.array([term[m] for m in mine.model])
        scales.append(platt(logit + slope * own, mine.score, mine.weight, prior))
    return fitted.scaled(scales)


def _reference(
    fitted: Fitted,
    features: Features,
    rows: pd.DataFrame,
    position: dict[str, int],
    base: Artifact | None,
) -> FloatArray:
    """Gain and both tiers' scores on traffic used for nothing else, shape (3, n).

    Everyday prompts where there are enough of them, since shares speak of a person's traffic;
    with too few rows of any kind the base's table is kept.
    """
    pairs = outcome_pairs(rows)
    everyday = pairs[pairs["source"] == EVERYDAY]
    chosen = everyday if len(everyday) >= MIN_THRESHOLD_ROWS else pairs
    if len(chosen) < MIN_THRESHOLD_ROWS and base is not None:
        table: FloatArray = base.arrays["reference"]
        return table
    if chosen.empty:
        return np.zeros((3, 1))
    at = chosen["prompt_id"].map(position).to_numpy()
    p_local, p_cloud = fitted.predict(take(features, at))
    order = np.argsort(p_local - p_cloud, kind="stable")
    columns = p_cloud - p_local, chosen["local"].to_numpy(), chosen["cloud"].to_numpy()
    return np.stack(columns)[:, order]


def best_cut(reference: FloatArray) -> float:
    """The cut that best separates requests whose cloud answer is clearly better from the rest.

    It has the largest true-positive minus false-positive rate (Youden 1950), in the middle of the
    gap between the two neighbouring gains.
    """
    gain, worth = reference[0], reference[2] - reference[1] > CLEARLY_BETTER
    if worth.all() or not worth.any():
        return CLEARLY_BETTER
    order = np.argsort(-gain, kind="stable")
    true, false = np.cumsum(worth[order]) / worth.sum(), np.cumsum(~worth[order]) / (~worth).sum()
    best = int(np.argmax(true - false))
    below = gain[order][min(best + 1, len(gain) - 1)]
    return round(float((gain[order][best] + below) / 2), 4)


def save(trained: Trained, models_dir: Path) -> Path:
    """Write the artifact; see `router.registry.artifact.save`."""
    return artifacts.save(trained.artifact, models_dir)


def _version_name(data: Dataset, seed: int) -> str:
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{data.digest[:6]}-{seed}"
