"""What other thresholds, or another model, would have cost and answered on the logged requests."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine

from router.errors import DataError
from router.labels.signals import FAULTS, implicit
from router.labels.trust import believed
from router.outcomes import counts
from router.registry.artifact import Artifact
from router.types import FloatArray, IntArray
from training.data.log import Window, served_in
from training.evaluate.off_policy import (
    CLOUD,
    LOCAL,
    NO_EXPLORATION,
    BanditLog,
    Estimate,
    by_ridge,
    evaluate,
)
from training.evaluate.scoring import fitted_of

_LEARNED = ("learned", "exploration")
_NO_LABEL = "No logged request has a propensity and a label; collect some: router study."


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A policy that might have served: its threshold, share of the cloud, quality and cost.

    `quality`: mean, 0..1; `usd`: mean cost of a request in US dollars.
    """

    threshold: float
    share: float
    quality: Estimate
    usd: Estimate


def check_answerable(
    engine: Engine, thresholds: Sequence[float], *, since: float, until: float, as_logged: bool
) -> None:
    """Refuse by counts alone what `what_if` would refuse after reading the span.

    `as_logged`: whether it is the logged gain that the thresholds cut. What no count settles
    passes, and `what_if` has the last word. Raises DataError.
    """
    found = counts.decided(engine, since, until, rules=_LEARNED, faults=tuple(FAULTS))
    if not found.requests:
        raise DataError(
            "The log holds no request that a model decided on and that left words or features; "
            'let the gateway serve some, with store = "full" or "features".'
        )
    if not found.labelled and not (found.by_hand and _asked_the_cloud(engine, since, until)):
        raise DataError(_NO_LABEL)
    if found.explored or not as_logged:
        return
    for cut in thresholds:
        if counts.decided_otherwise(engine, since, until, rules=_LEARNED, threshold=cut):
            raise DataError(NO_EXPLORATION)


def _asked_the_cloud(engine: Engine, since: float, until: float) -> bool:
    """Whether any request was repeated to have the cloud answer it, which is a label as well."""
    signals = implicit(served_in(engine, since, until), until, np.inf)
    return any(signal.source == "asked the cloud" for signal in signals)


def what_if(
    window: Window, thresholds: Sequence[float], *, model: Artifact | None = None, seed: int = 0
) -> list[WhatIf]:
    """Estimates for `thresholds` on the gain, as logged or as `model` would see it.

    Only requests that were decided by the learned rule or explored count, and of those the ones
    whose answer has a label or a second opinion. Raises DataError for a log without exploration,
    or with too few effective rows for a threshold.
    """
    frame = window.frame
    quality = _quality(window)
    usable = (
        frame["rule"].isin(_LEARNED)
        & frame["propensity"].notna()
        & frame["tier"].notna()
        & frame["gain"].notna()
        & np.isfinite(quality)
    )
    at = np.flatnonzero(usable.to_numpy())
    if not len(at):
        raise DataError(_NO_LABEL)
    rows = frame.iloc[at]
    planned_cloud = rows["tier"].eq("cloud") & ~rows["escalated"].astype(bool)
    action = np.where(planned_cloud, CLOUD, LOCAL)
    propensity = rows["propensity"].to_numpy(dtype="float64")
    group = rows["group"].to_numpy()
    gain = _gains(window, at, model)
    known = rows[["p_local", "p_cloud", "cloud_usd"]].fillna(0.0).to_numpy(dtype="float64")
    features = np.column_stack([known, window.features.embedding[at]])
    logs = {
        "quality": BanditLog(action, propensity, quality[at], group),
        "usd": BanditLog(
            action,
            propensity,
            rows["cost_usd"].to_numpy(dtype="float64"),
            group,
        ),
    }
    predicted = {name: by_ridge(log, features) for name, log in logs.items()}
    out = []
    for threshold in thresholds:
        policy = (gain > threshold) * 1.0
        found = {n: evaluate(log, policy, predicted[n], seed=seed) for n, log in logs.items()}
        out.append(WhatIf(threshold, float(policy.mean()), found["quality"], found["usd"]))
    return out


def _gains(window: Window, at: IntArray, model: Artifact | None) -> FloatArray:
    logged: FloatArray = window.frame["gain"].to_numpy(dtype="float64")[at]
    if model is None:
        return logged
    p_local, p_cloud = fitted_of(model).predict(window.features.take(at), window.pair)
    gain: FloatArray = p_cloud - p_local
    return gain


def _quality(window: Window) -> FloatArray:
    """How good the answer that was given is: by label, else by agreement; NaN where unknown."""
    known = dict(window.free)
    for one in believed(window.signals, window.free).labels:
        if one.strong:
            known[one.decision, one.tier] = one.score
    pairs = zip(window.frame["id"], window.frame["tier"], strict=True)
    return np.array([known.get(pair, np.nan) for pair in pairs], dtype="float64")
