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
from training.data.conversations import conversations
from training.data.dataset import Dataset
from training.data.everyday import SOURCE as EVERYDAY
from training.data.featurize import featurize
from training.data.splits import newest, parts, seen_hashes, unseen
from training.evaluate.evaluation import Evaluation, evaluate_pairs, outcome_pairs
from training.evaluate.one_tier import OneTier, evaluate_answers
from training.fit.assemble import assembled
from training.fit.calibrate import platt
from training.fit.constants import FINE_TOLERANCE, FOLDS_PRIOR, ROWS_PRIOR
from training.fit.encoder import EncoderSource, of_artifact
from training.fit.head import TIERS, Base
from training.fit.heads import Fitted, fit_heads, rows_of
from training.fit.known import known_outcomes
from training.pipelines.constants import (
    CLEARLY_BETTER,
    CONVERSATION_ROWS,
    MIN_THRESHOLD_ROWS,
    SOURCE_POWER,
    TEST_SHARE,
)

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """What a fit made: the artifact (not yet on disk), its parts and its test evaluation.

    `one_tier`: what the test rows tell where no prompt has outcomes of both tiers, else None.
    """

    artifact: Artifact
    fitted: Fitted
    evaluation: Evaluation
    data: Dataset
    one_tier: OneTier | None = None

    @property
    def judged(self) -> bool:
        """Whether anything was evaluated."""
        return bool(self.evaluation.rows) or (self.one_tier is not None and self.one_tier.judged)


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
    graded ones never are. Without `source` the base's encoder is used. Of an exported log the
    newest requests test. Raises TrainingError.
    """
    if source is None:
        if base is None:
            raise TrainingError("Name an encoder, or a base model to take it from.")
        source = of_artifact(base)
    progress("computing features")
    part, log = _parts(data, base)
    to_fit = data.rows[part == "fit"]
    if base is None:
        made = conversations(to_fit.head(CONVERSATION_ROWS), seed)
        to_fit = pd.concat([to_fit, made], ignore_index=True)
        to_fit = by_source(to_fit)
    whole = Dataset(pd.concat([data.every_answer, to_fit], ignore_index=True))
    extractor = source.extractor()
    features = featurize(extractor, whole.requests)
    position = {p: i for i, p in enumerate(whole.prompts["prompt_id"])}
    progress("fitting both heads")
    fitted = fit_heads(
        features,
        to_fit,
        position,
        len(extractor.tokens),
        base=base_of(base) if base else None,
        strength=strength,
        tolerance=FINE_TOLERANCE,
        seed=seed,
        jobs=jobs,
    )
    rows = {p: data.rows[part == p] for p in ("calibration", "threshold", "test")}
    prior = ROWS_PRIOR
    if recalibrate_on is not None:
        rows["calibration"], prior = recalibrate_on, FOLDS_PRIOR
    seen = seen_hashes(
        data.rows.loc[part != "test", "group"], base.arrays["seen"] if base else None
    )
    return finished(
        fitted,
        lambda name: Part(rows=rows[name], features=features, position=position),
        data,
        source=source,
        base=base,
        name=version_name or _version_name(data, seed),
        seen=seen,
        about={"data": _data_description(data, part), "seed": seed},
        prior=prior,
        outcomes=outcomes,
        log=log,
        progress=progress,
    )


@dataclass(frozen=True, kw_only=True)
class Part:
    """Canonical rows of one part, and the features of their prompts: row by prompt_id."""

    rows: pd.DataFrame
    features: Features
    position: Mapping[str, int]


def finished(
    fitted: Fitted,
    part: Callable[[str], Part],
    data: Dataset,
    *,
    source: EncoderSource,
    base: Artifact | None,
    name: str,
    seen: NDArray[np.uint64],
    about: dict[str, Any],
    prior: float = ROWS_PRIOR,
    outcomes: bool = True,
    log: pd.DataFrame | None = None,
    progress: Progress = lambda step: None,
) -> Trained:
    """What follows on a fit: calibration, threshold table, evaluation and artifact.

    `part`: gives those rows of the parts `calibration`, `threshold` and `test` that are to be used.
    """
    seed = int(about["seed"])
    progress("calibrating")
    own = part("calibration")
    fitted = calibrated(fitted, own.features, own.rows, own.position, prior=prior)
    progress("setting the threshold table")
    own = part("threshold")
    reference = _reference(fitted, own.features, own.rows, own.position, base)
    threshold = best_cut(reference)
    kept = own.rows[own.rows["source"] != EVERYDAY]
    known = known_outcomes(fitted, own.features, kept, own.position) if outcomes else None
    progress("evaluating on the test rows")
    own = part("test")
    pairs = outcome_pairs(own.rows)
    evaluation = evaluate_pairs(fitted, own.features, pairs, own.position, threshold, seed=seed)
    one_tier = None
    if not evaluation.rows:
        one_tier = evaluate_answers(
            fitted, own.features, own.rows, own.position, threshold=threshold, log=log, seed=seed
        )
    metrics = {**evaluation.as_dict(), **({"one_tier": one_tier.as_dict()} if one_tier else {})}
    artifact = assembled(
        fitted,
        source,
        base=base,
        name=name,
        reference=reference,
        seen=seen,
        threshold=threshold,
        known=known,
        about={**about, "metrics": metrics},
    )
    return Trained(artifact, fitted, evaluation, data, one_tier)


def _parts(data: Dataset, base: Artifact | None) -> tuple[NDArray[Any], pd.DataFrame | None]:
    """The part of each row, and of an exported log those answers that are as new as the test's.

    There the newest requests test that a base has not seen: their part is by time, its was not.
    """
    if data.log is None:
        return parts(data.rows["group"]), None
    later = newest(data.log["group"], pd.to_numeric(data.log["created_at"]), TEST_SHARE)
    if base is not None:
        known = data.log.loc[~unseen(data.log["group"], base.arrays["seen"]), "group"]
        later -= set(known)
    part = parts(data.rows["group"])
    part[part == "test"] = "fit"
    part[data.rows["group"].isin(later).to_numpy()] = "test"
    return part, data.log[data.log["group"].isin(later)]


def by_source(rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` with weights by which a source of outcomes counts by the root of its size.

    So a thousand tool calls are heard beside ten thousand exam questions. All outcomes together
    weigh as before beside the grades.
    """
    grouped = rows.groupby("source")
    prompts, weight = grouped["prompt_id"].nunique(), grouped["weight"].sum()
    share = source_shares(
        {str(s): float(n) for s, n in prompts.items()},
        {str(s): float(w) for s, w in weight.items()},
    )
    return rows.assign(weight=rows["weight"] * rows["source"].map(share)) if share else rows


def source_shares(
    prompts: Mapping[str, float], weight: Mapping[str, float]
) -> dict[str, float] | None:
    """By how much to weigh the rows of each source, from its prompts and the sum of its weights.

    None where there are no two sources of outcomes to weigh.
    """
    outcomes = [source for source in prompts if source != EVERYDAY]
    if len(outcomes) < 2:
        return None
    share = {source: float(prompts[source]) ** -SOURCE_POWER for source in outcomes}
    whole = sum(weight[s] for s in outcomes) / sum(weight[s] * share[s] for s in outcomes)
    return {source: share[source] * whole if source in share else 1.0 for source in prompts}


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
        logit = fitted.heads.logits(features.take(used), np.zeros(2))[where, index]
        slope = fitted.heads.calibration[index, 0]
        term = {m: fitted.ability(tier, m) for m in set(mine.model)}
        own = np.array([term[m] for m in mine.model])
        scales.append(platt(logit + slope * own, mine.score, mine.weight, prior))
    return fitted.scaled(scales)


def _reference(
    fitted: Fitted,
    features: Features,
    rows: pd.DataFrame,
    position: Mapping[str, int],
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
    p_local, p_cloud = fitted.predict(features.take(at))
    order = np.argsort(p_local - p_cloud, kind="stable")
    columns = p_cloud - p_local, chosen["local"].to_numpy(), chosen["cloud"].to_numpy()
    return np.stack(columns)[:, order]


def best_cut(reference: FloatArray) -> float:
    """The cut that separates requests whose cloud answer is clearly better from the rest.

    The largest whose true-positive minus false-positive rate (Youden 1950) lies within a standard
    error of the best one's: local unless the cloud demonstrably pays. It lies in the middle of the
    gap between the two neighbouring gains.
    """
    gain, worth = reference[0], reference[2] - reference[1] > CLEARLY_BETTER
    if worth.all() or not worth.any():
        return CLEARLY_BETTER
    order = np.argsort(-gain, kind="stable")
    true, false = np.cumsum(worth[order]) / worth.sum(), np.cumsum(~worth[order]) / (~worth).sum()
    best = int(np.argmax(true - false))
    variance = true[best] * (1 - true[best]) / worth.sum() + false[best] * (1 - false[best]) / sum(
        ~worth
    )
    enough = true - false >= true[best] - false[best] - np.sqrt(variance)
    at = int(np.argmax(enough))
    below = gain[order][min(at + 1, len(gain) - 1)]
    return round(float((gain[order][at] + below) / 2), 4)


def unjudged(trained: Trained) -> str:
    """Why a fit was not saved: nothing that it was not fitted on says how good it is."""
    missing = " ".join(trained.one_tier.missing) if trained.one_tier else ""
    return f"Nothing could be evaluated, so nothing was saved (--unjudged does). {missing}"


def save(trained: Trained, models_dir: Path) -> Path:
    """Write the artifact; see `router.registry.artifact.save`."""
    return artifacts.save(trained.artifact, models_dir)


def _version_name(data: Dataset, seed: int) -> str:
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{data.digest[:6]}-{seed}"
