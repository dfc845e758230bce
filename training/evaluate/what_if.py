"""What other thresholds, or another model, would have cost and answered on the logged requests."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from router.errors import DataError
from router.labels.signals import FAULTS, implicit
from router.monitor.constants import MIN_EXPLORED_ROWS, WIDEST
from router.monitor.off_policy import CLOUD, LOCAL, NO_EXPLORATION, BanditLog, differing
from router.outcomes import counts
from router.outcomes.queries import LEARNED_RULES
from router.registry.artifact import Artifact
from router.types import FloatArray, IntArray
from training.data.log import Window, served_in
from training.evaluate.known_quality import KnownQuality, known_quality
from training.evaluate.metrics import Interval
from training.evaluate.off_policy import Columns, Estimate, by_ridges, evaluate_all
from training.evaluate.scoring import fitted_of

_NO_LABEL = "No logged request has a propensity and a label; collect some: router study."


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the mean outcome surely (95 %) lies; `interval`: every answer was known, by rating.

    `value`: its middle, the estimate itself where it is an interval.
    """

    value: float
    low: float
    high: float
    interval: bool
    effective: float
    rows: int

    def __str__(self) -> str:
        if self.interval:
            return str(Interval(self.value, self.low, self.high))
        return f"{self.low:.3f} to {self.high:.3f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """A policy that might have served: its threshold, share of the cloud, quality and cost.

    `rows`: requests that it is asked about; `differs`: those that it would send elsewhere;
    `explored`: those of them that the log did send there; `told`: of these, ones of whose answer
    something is known. `usd`: mean cost of a request in US dollars. `quality`: bounds of the mean,
    0..1, an interval where every answer is rated. `words`: why quality or both are not known, else
    what would narrow it; may be empty.
    """

    threshold: float
    share: float
    rows: int
    differs: int
    explored: int
    told: int
    usd: Estimate | None = None
    quality: Bounds | None = None
    words: str = ""


def check_answerable(
    engine: Engine, thresholds: Sequence[float], *, since: float, until: float, as_logged: bool
) -> None:
    """Refuse by counts alone what `what_if` would refuse after reading the span.

    `as_logged`: whether it is the logged gain that the thresholds cut. What no count settles
    passes, and `what_if` has the last word. Raises DataError.
    """
    found = counts.decided(engine, since, until, rules=LEARNED_RULES, faults=tuple(FAULTS))
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
        if counts.decided_otherwise(engine, since, until, rules=LEARNED_RULES, threshold=cut):
            raise DataError(NO_EXPLORATION)


def _asked_the_cloud(engine: Engine, since: float, until: float) -> bool:
    """Whether any request was repeated to have the cloud answer it, which is a label as well."""
    signals = implicit(served_in(engine, since, until), until, np.inf)
    return any(signal.source == "asked the cloud" for signal in signals)


def what_if(
    window: Window, thresholds: Sequence[float], *, model: Artifact | None = None, seed: int = 0
) -> list[WhatIf]:
    """Estimates for `thresholds` on the gain, as logged or as `model` would see it.

    Only requests that were decided by the learned rule or explored count: all of them for the
    cost, those and what is known of their answers (`training.evaluate.known_quality`) for the
    quality. Raises DataError where no threshold can be answered: for a log without labels, without
    exploration, or with too few explored rows where the policies differ.
    """
    at = by_model(window.frame)
    known = known_quality(window).only(at)
    if not known.rated + known.agreed:
        raise DataError(_NO_LABEL)
    log = Logged.of(window.frame[_COLUMNS].iloc[at], _Embeddings(window, at), known)
    gain = _gains(window, at, model)
    out = [asked(log, gain, threshold, seed) for threshold in thresholds]
    if all(one.usd is None for one in out):
        raise DataError(out[0].words)
    return out


def by_model(frame: pd.DataFrame) -> IntArray:
    """Positions of the requests that the learned rule decided on or that were explored."""
    usable = (
        frame["rule"].isin(LEARNED_RULES)
        & frame["propensity"].notna()
        & frame["tier"].notna()
        & frame["p_local"].notna()
    )
    return np.flatnonzero(usable.to_numpy())


_COLUMNS = [
    "tier",
    "escalated",
    "propensity",
    "group",
    "p_local",
    "p_cloud",
    "cloud_usd",
    "cost_usd",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """What is asked about, with a model of each outcome."""

    usd: BanditLog
    low: BanditLog
    high: BanditLog
    known: KnownQuality
    predicted: dict[str, FloatArray]

    @classmethod
    def of(cls, rows: pd.DataFrame, embedding: Columns, known: KnownQuality) -> "Logged":
        """Requests that a model decided on, as columns of the log, with vectors (n, d)."""
        planned_cloud = rows["tier"].eq("cloud") & ~rows["escalated"].astype(bool)
        action = np.where(planned_cloud, CLOUD, LOCAL)
        propensity = rows["propensity"].to_numpy(dtype="float64")
        _, group = np.unique(rows["group"].to_numpy(), return_inverse=True)
        columns = rows[["p_local", "p_cloud", "cloud_usd"]].fillna(0.0).to_numpy(dtype="float64")
        features = _Beside(columns, embedding)
        usd = rows["cost_usd"].fillna(0.0).to_numpy(dtype="float64")
        outcomes = {"usd": usd, "low": known.low, "high": known.high}
        logs = {n: BanditLog(action, propensity, y, group) for n, y in outcomes.items()}
        found = by_ridges(list(logs.values()), features)
        predicted = dict(zip(logs, found, strict=True))
        return cls(**logs, known=known, predicted=predicted)


@dataclass(frozen=True, slots=True)
class _Embeddings:
    """Those of the requests `at` of a window, read some at a time."""

    window: Window
    at: IntArray

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, rows: slice) -> FloatArray:
        return self.window.embeddings(self.at[rows])


@dataclass(frozen=True, slots=True)
class _Beside:
    """Two lots of columns side by side."""

    first: FloatArray
    rest: Columns

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, rows: slice) -> FloatArray:
        return np.column_stack([self.first[rows], self.rest[rows]])


def asked(log: Logged, gain: FloatArray, threshold: float, seed: int = 0) -> WhatIf:
    """One threshold; what cannot be known of it is said in words."""
    policy = (gain > threshold) * 1.0
    region = differing(log.usd, policy)
    explored = region & ((policy == 1) == (log.usd.action == CLOUD))
    about = WhatIf(
        threshold=threshold,
        share=float(policy.mean()),
        rows=len(policy),
        differs=int(region.sum()),
        explored=int(explored.sum()),
        told=int((explored & log.known.told).sum()),
    )
    untold = about.differs > 0 and about.told < MIN_EXPLORED_ROWS
    spans = {"usd": float(np.ptp(log.usd.outcome)), **({} if untold else {"low": 1.0, "high": 1.0})}
    logs = [(getattr(log, name), log.predicted[name], span) for name, span in spans.items()]
    try:
        usd, *bounds = evaluate_all(logs, policy, seed=seed)
    except DataError as error:
        return replace(about, words=str(error))
    if untold:
        words = (
            f"Of the {about.explored} explored answers where the policies differ, {about.told} are "
            f"known and {MIN_EXPLORED_ROWS} are needed. {log.known.words()}"
        )
        return replace(about, usd=usd, words=words)
    quality = _bounds(log, *bounds)
    if quality.high - quality.low > WIDEST:
        words = f"Quality lies between {quality.low:.2f} and {quality.high:.2f}, no nearer is known"
        return replace(about, usd=usd, words=f"{words}: {log.known.words()}")
    return replace(about, usd=usd, quality=quality, words=log.known.words())


def _bounds(log: Logged, low: Estimate, high: Estimate) -> Bounds:
    """The interval of the lowest possible outcomes below, that of the highest above."""
    return Bounds(
        value=(low.dr.value + high.dr.value) / 2,
        low=max(low.dr.low, 0.0),
        high=min(high.dr.high, 1.0),
        interval=log.known.rated == len(log.known.low),
        effective=low.effective,
        rows=low.rows,
    )


def _gains(window: Window, at: IntArray, model: Artifact | None) -> FloatArray:
    logged: FloatArray = window.frame["gain"].to_numpy(dtype="float64")[at]
    if model is None:
        return logged
    p_local, p_cloud = fitted_of(model).predict(window.features.take(at), window.pair)
    gain: FloatArray = p_cloud - p_local
    return gain
