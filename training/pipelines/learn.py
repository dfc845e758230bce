"""From the outcome log to a challenger: labels, a fit on the past, a test on what came after."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from router.errors import NoPromise, TrainingError
from router.labels.label import Capped, Label, Noise, noise
from router.labels.signals import FAULTS, implicit
from router.labels.sources import DAY_S, PERSONS
from router.labels.trust import believed
from router.monitor.alarms import Drift, drift, sessions_of, traffic_of
from router.outcomes import counts
from router.registry import gates
from router.registry.artifact import Artifact
from router.registry.reference import reference_of
from router.threshold import Cut, OperatingPoint
from router.types import FloatArray, IntArray
from training.data.columns import among
from training.data.dataset import Dataset
from training.data.log import Window, joined, label_rows, served_in, soft_rows
from training.data.splits import seen_hashes
from training.evaluate.metrics import Interval
from training.evaluate.scoring import fitted_of
from training.fit.assemble import assembled
from training.fit.encoder import of_artifact
from training.fit.head import TIERS
from training.fit.heads import Fitted
from training.pipelines.before_after import FREE, LabelledWindow, judged_later, quality_curve
from training.pipelines.constants import (
    MIN_LABELS,
    MIN_THRESHOLD_ROWS,
    MOST_TRAFFIC,
    TEST_SHARE,
)
from training.pipelines.dependence import independent
from training.pipelines.judged import judged_outcomes
from training.pipelines.lessons import Lecture, Lesson
from training.pipelines.levels import levelled
from training.pipelines.prompts import Progress, base_of
from training.pipelines.raters import odds_of, rated_weights
from training.pipelines.training_set import TrainingSet

_NOTHING = (
    "The log holds no request that can be learned from; let the gateway serve some, "
    'with store = "full" or "features".'
)


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What was learned from a log.

    `lesson`: the best of those tried. `labels`: source -> number. On later requests, by
    `judged_on`: `equal`, `own`: quality, challenger minus champion, at equal cost and at the
    challenger's own cut; `better`: Brier score of the champion minus the challenger's. `curve`:
    quality at equal shares of the cloud, before and after. `drift`: of this traffic from what the
    champion learned from, where that is known. `thresholds`: of the operating point, before and
    after, NaN where it cannot be promised. `reasons`: why not to promote; empty if better.
    """

    artifact: Artifact
    fitted: Fitted
    thresholds: tuple[float, float]
    lesson: str
    labels: dict[str, int]
    rows: dict[str, int]
    judged_on: str
    equal: Interval
    own: Interval
    better: Interval
    brier: tuple[float, float]
    ece: tuple[float, float]
    curve: list[dict[str, Any]]
    noise: list[Noise]
    drift: Drift | None
    words: tuple[str, ...]
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "lesson": self.lesson,
            "labels": self.labels,
            "rows": self.rows,
            "judged_on": self.judged_on,
            "equal": [self.equal.value, self.equal.low, self.equal.high],
            "own": [self.own.value, self.own.low, self.own.high],
            "better": [self.better.value, self.better.low, self.better.high],
            "brier": list(self.brier),
            "ece": list(self.ece),
            "curve": self.curve,
            "noise": [[n.first, n.second, n.answers, n.difference] for n in self.noise],
            "drift": asdict(self.drift) if self.drift else None,
            "words": list(self.words),
            "reasons": list(self.reasons),
        }


def check_learnable(engine: Engine, *, since: float, until: float, maturity_s: float) -> None:
    """Refuse a log that surely gives too few labels, before its requests are made into features.

    Counts settle it, but for requests that were repeated soon: where all hangs on these, the words
    are read and compared. Each number is the most that `learn` could find. Raises TrainingError.
    """
    found = counts.evidence(engine, since, until, faults=tuple(FAULTS))
    if not found.requests:
        raise TrainingError(_NOTHING)
    said = found.feedback + len(TIERS) * found.opinions  # an opinion is about either tier
    if said + found.faulty >= MIN_LABELS:
        return
    happened = [s for s in implicit(served_in(engine, since, until), until, maturity_s) if s.weight]
    if said + len(happened) < MIN_LABELS:
        raise TrainingError(_too_few(said + len(happened)))


def _too_few(labels: int) -> str:
    return (
        f"The log gives {labels} labels to learn from, {MIN_LABELS} are needed; "
        "collect some for free with: router study."
    )


def learn(
    window: Window,
    champion: Artifact,
    *,
    cloud_model: str,
    operating_point: OperatingPoint | None = None,
    seed: int = 0,
    progress: Progress = lambda step: None,
) -> Learned:
    """A challenger from `window`, and how it compares with `champion`.

    Agreement labels teach, others replace them where they exist; of several lessons
    (`training.pipelines.lessons`) the one that serves a person best is offered. Fitted on the older
    three quarters of the requests, tested on the rest; requests that say the same stay on one side.
    The same window, champion and seed give the same arrays, bit for bit. `operating_point`: what
    sets the threshold where it is not the model's own cut; the share of escalations that drift is
    measured by follows from it. Raises TrainingError for fewer than 20 labels.
    """
    if not len(window):
        raise TrainingError(_NOTHING)
    progress("making labels")
    known = champion.manifest.get("copied", {})
    # Whoever contradicts opinions that hang together has proven nothing less by that.
    anchors = believed(window.signals, window.free).labels
    heard = independent(window, anchors, _drawn(window, anchors), known)
    window = heard.window
    kept = _admitted(window, believed(window.signals, window.free, window.claims))
    labelled = _labelled(window, kept.labels, champion, cloud_model)
    progress("fitting on the past")
    true = labelled.part(labelled.true, labelled.early)
    soft = labelled.part(labelled.soft, labelled.early)
    if len(true) + len(soft) < MIN_LABELS:
        raise TrainingError(" ".join([_too_few(len(true) + len(soft)), *kept.words]))
    before, cut = fitted_of(champion), float(champion.manifest["threshold"]["default"])
    lecture = Lecture(
        known=labelled.known,
        soft=soft,
        true=true,
        drawn=labelled.drawn,
        rater=labelled.rater,
        window=window,
        before=before,
        base=base_of(champion),
        cut=cut,
    )
    lessons = lecture.lessons(seed)
    progress("judging on what came after")
    judged = judged_later(labelled, before, cut, lessons, seed)
    fitted = judged.lesson.fitted
    expected = np.stack(fitted.predict(window.features, window.pair))
    artifact = _artifact(window, judged.lesson, expected, champion, labelled, seed)
    point = operating_point or Cut(cut)
    set_before, _ = _threshold(point, champion, window, cloud_model)
    own = operating_point or Cut(float(artifact.manifest["threshold"]["default"]))
    set_after, unkept = _threshold(own, artifact, window, cloud_model)
    artifact.manifest["traffic"] = _traffic(window, expected, set_after)
    artifact.manifest["copied"] = {**known, **heard.copied}
    learned = Learned(
        artifact=artifact,
        fitted=fitted,
        thresholds=(set_before, set_after),
        lesson=judged.lesson.name,
        labels=_counted(kept.labels, window),
        rows={"requests": len(window), "fit": len(true) + len(soft), "test": judged.rows},
        judged_on=judged.on,
        equal=judged.equal,
        own=judged.own,
        better=judged.better,
        brier=judged.brier,
        ece=judged.ece,
        curve=quality_curve(labelled, before, judged.lesson.fitted, seed),
        noise=noise(window.signals),
        drift=_drift(window, champion),
        words=(*kept.words, *heard.words, *gates.audit_wanted(judged.audited)),
        reasons=(*judged.reasons, *unkept),
    )
    artifact.manifest["learned"] = learned.as_dict()
    return learned


def _admitted(window: Window, kept: Capped) -> Capped:
    """`kept` without volunteers' ratings where the audit shows them to be too choosy."""
    audited = _audited(window)
    odds = odds_of(kept.labels, audited)
    if not odds.beyond:
        return kept
    fair = [x for x in kept.labels if x.decision in audited or x.source not in PERSONS]
    return Capped(fair, (*kept.words, odds.words()))


def _audited(window: Window) -> frozenset[str]:
    return frozenset(window.frame.loc[window.frame["audited"].eq(True), "id"])


def _labelled(
    window: Window, labels: Sequence[Label], champion: Artifact, cloud_model: str
) -> LabelledWindow:
    # What nobody said leans on agreement, where there is some, and never replaces it.
    weak = label_rows([one for one in labels if not one.strong], window, cloud_model)
    true = label_rows([one for one in labels if one.strong], window, cloud_model)
    frame, drawn = window.frame, _drawn(window, labels)
    kind = dict(zip(frame["id"], frame["asks"], strict=True))
    rater = {x.decision: "" if x.decision in drawn else _rater(x) for x in labels}
    volunteers = [x.decision for x in labels if x.source in PERSONS and x.decision not in drawn]
    chosen = {**rated_weights(frame, volunteers), **window.audit_weights}
    chance = true["prompt_id"].map(chosen).fillna(1.0)
    true = true.assign(weight=true["weight"] * chance)
    agreed = joined(soft_rows(window, cloud_model), weak)
    position = {p: i for i, p in enumerate(frame["id"])}
    rows = pd.concat([true, agreed], ignore_index=True)
    vocabulary = int(champion.arrays["words"].shape[1])
    known = TrainingSet(
        data=Dataset(rows), features=window.features, position=position, vocabulary=vocabulary
    )
    labelled_ids = frame[among(frame["id"], rows["prompt_id"])]
    cut = round(len(labelled_ids) * (1 - TEST_SHARE))
    early, late = labelled_ids.iloc[:cut], labelled_ids.iloc[cut:]
    late = late[~among(late["group"], early["group"])]
    past = true[among(true["prompt_id"], early["id"])]
    return LabelledWindow(
        known=known,
        true=true,
        soft=levelled(
            agreed,
            _expected(window, champion),
            kind,
            past.assign(rater=past["prompt_id"].map(rater)),
        ),
        early=early["id"].to_numpy(),
        late=late["id"].to_numpy(),
        drawn=drawn,
        rater=rater,
        kind=kind,
        session=dict(zip(frame["id"], _sessions(frame).tolist(), strict=True)),
        day=dict(zip(frame["id"], (frame["at"] // DAY_S).astype(int).tolist(), strict=True)),
    )


def _rater(label: Label) -> str:
    """Whose habit chose what the label is about."""
    return f"key {label.key}" if label.source in PERSONS else "checks"


def _expected(window: Window, champion: Artifact) -> dict[tuple[str, str], float]:
    sides = fitted_of(champion).predict(window.features, window.pair)
    ids = window.frame["id"]
    return {
        (one, tier): float(p)
        for tier, side in zip(TIERS, sides, strict=True)
        for one, p in zip(ids, side, strict=True)
    }


def _drawn(window: Window, labels: Sequence[Label]) -> frozenset[str]:
    """Decisions whose labels were drawn by lot: the audit, and what the judge was asked about."""
    return _audited(window) | {one.decision for one in labels if one.source == "judge"}


def _sessions(frame: pd.DataFrame) -> IntArray:
    return sessions_of(frame["key"].tolist(), frame["at"].tolist())


def _threshold(
    point: OperatingPoint, artifact: Artifact, window: Window, cloud_model: str
) -> tuple[float, tuple[str, ...]]:
    """The threshold that an operating point sets; NaN and why not, where it can promise none."""
    usd = float(window.frame["cloud_usd"].fillna(0.0).mean())
    try:
        return point.threshold(reference_of(artifact, window.pair["local"], cloud_model), usd), ()
    except NoPromise as error:
        return float("nan"), (str(error).rstrip("."),)


def _traffic(window: Window, expected: FloatArray, cut: float) -> dict[str, Any]:
    p_local, p_cloud = expected
    frame = window.frame
    last = _last(window)
    return traffic_of(
        window.embeddings(last),
        float(np.mean(p_cloud - p_local > cut)),
        _sessions(frame)[last],
        {str(k): float(v) for k, v in frame["asks"].value_counts(normalize=True).items()},
    )


def _artifact(
    window: Window,
    lesson: Lesson,
    expected: FloatArray,
    champion: Artifact,
    labelled: LabelledWindow,
    seed: int,
) -> Artifact:
    """`expected` (2, n): what the lesson says of either tier's answers to all requests."""
    frame = window.frame
    early = among(frame["id"], labelled.early)
    fitted = lesson.fitted
    p_local, p_cloud = expected
    reference = np.stack([p_cloud - p_local, p_local, p_cloud])
    if len(frame) < MIN_THRESHOLD_ROWS:
        reference = champion.arrays["reference"]
    else:
        reference = reference[:, np.argsort(reference[0], kind="stable")]
    shares = {"train": int(early.sum()), "test": len(labelled.late)}
    about = {
        "data": {
            "sha256": window.digest,
            "rows": len(labelled.true) + len(labelled.soft),
            "prompts": len(frame),
            "parts": shares,
            "sources": {"log": len(frame)},
            "since": float(frame["at"].min()),
            "until": float(frame["at"].max()),
        },
        "seed": seed,
        "metrics": {"overall": {}, "rows": len(labelled.late)},
    }
    return assembled(
        fitted,
        of_artifact(champion),
        base=champion,
        name=_name(window, champion, seed),
        reference=reference,
        seen=seen_hashes(frame.loc[early, "group"], champion.arrays["seen"]),
        threshold=lesson.cut,
        known=judged_outcomes(window, labelled, fitted, seed),
        about=about,
    )


def _counted(labels: Sequence[Label], window: Window) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in labels:
        found[one.source] = found.get(one.source, 0) + 1
    if len(window.soft):
        found[FREE] = len(window.soft)
    return dict(sorted(found.items()))


def _drift(window: Window, champion: Artifact) -> Drift | None:
    frame = window.frame
    escalated = (frame["gain"] > frame["threshold"]).tolist()
    last = _last(window)
    return drift(
        champion.manifest.get("traffic", {}),
        window.embeddings(last),
        escalated,
        _sessions(frame)[last],
        frame["asks"].tolist(),
    )


def _last(window: Window) -> IntArray:
    """The newest requests, as many as traffic is remembered of."""
    return np.arange(max(len(window) - MOST_TRAFFIC, 0), len(window))


def _name(window: Window, champion: Artifact, seed: int) -> str:
    """The same for the same log, champion and seed."""
    both = hashlib.sha256(f"{window.digest} {champion.version}".encode()).hexdigest()
    return f"learned-{both[:10]}-{seed}"
