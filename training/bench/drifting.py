"""How often the drift alarm sounds without any change, and whether it sounds at one.

Sessions of real requests about one topic each. What is learned from and what is looked at are drawn
alike, so every alarm is false; where all topics are new, an alarm is right.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from router.monitor.alarms import Kind, drift, traffic_of
from router.monitor.constants import WINDOW
from router.registry.artifact import Artifact
from router.types import FloatArray, IntArray
from training.bench.constants import (
    DRIFT_LEARNED,
    DRIFT_LOOKS,
    DRIFT_NEW_LOOKS,
    DRIFT_SESSIONS,
    SERVED_AT,
    TRAFFIC_SOURCES,
)
from training.data.readers import read
from training.evaluate.scoring import fitted_of
from training.pipelines.prompts import Progress
from training.pipelines.training_set import TrainingSet


@dataclass(frozen=True, kw_only=True)
class Topics:
    """Requests by topic: rows of `embedding` (n, d) and `gain` (n,), one array a topic."""

    embedding: FloatArray
    gain: FloatArray
    rows: tuple[IntArray, ...]

    def of(self, topics: IntArray) -> "Topics":
        """Some of the topics alone."""
        return Topics(
            embedding=self.embedding, gain=self.gain, rows=tuple(self.rows[t] for t in topics)
        )

    def drawn(
        self, requests: int, length: int, rng: np.random.Generator
    ) -> tuple[IntArray, IntArray]:
        """Rows (requests,) of sessions of `length` requests, a topic each, and their sessions."""
        session = np.arange(requests) // length
        size = np.array([len(r) for r in self.rows], dtype=np.float64)
        topic = rng.choice(len(self.rows), int(session[-1]) + 1, p=size / size.sum())
        at = np.concatenate([rng.choice(self.rows[t], length) for t in topic])
        return at[:requests], session


def drift_bench(
    data: Path, model: Artifact, *, runs: int, progress: Progress = lambda step: None
) -> dict[str, Any]:
    """Alarms a look by length of sessions and requests learned from, over `runs` memories."""
    topics = _topics(data, model, progress)
    cut = float(np.quantile(topics.gain, 1 - SERVED_AT))
    out: dict[str, Any] = {}
    for learned in DRIFT_LEARNED:
        for length in DRIFT_SESSIONS:
            progress(f"sessions of {length}, learned from {learned}")
            rng = np.random.default_rng(length)
            found = [_looks(topics, cut, learned, length, rng) for _ in range(runs)]
            out[f"sessions of {length}, learned from {learned}"] = {
                "looks": runs * DRIFT_LOOKS,
                **{k: float(np.mean([f[k] for f in found])) for k in found[0]},
            }
    return out


def _looks(
    topics: Topics, cut: float, learned: int, length: int, rng: np.random.Generator
) -> dict[str, float]:
    """A memory of half of the topics, windows of the same beside it, and windows of the others."""
    order = rng.permutation(len(topics.rows))
    known, new = topics.of(order[: len(order) // 2]), topics.of(order[len(order) // 2 :])
    at, session = known.drawn(learned, length, rng)
    memory = traffic_of(topics.embedding[at], float((topics.gain[at] > cut).mean()), session)
    same, other = (
        [_alarms(one, memory, cut, *one.drawn(WINDOW, length, rng)) for _ in range(looks)]
        for one, looks in ((known, DRIFT_LOOKS), (new, DRIFT_NEW_LOOKS))
    )
    return {
        "false: any": float(np.mean([bool(a) for a in same])),
        "false: topics": float(np.mean([Kind.TOPICS in a for a in same])),
        "false: escalation": float(np.mean([Kind.ESCALATION in a for a in same])),
        "new topics noticed": float(np.mean([Kind.TOPICS in a for a in other])),
    }


def _alarms(
    topics: Topics, memory: dict[str, Any], cut: float, at: IntArray, session: IntArray
) -> set[Kind]:
    found = drift(memory, topics.embedding[at], (topics.gain[at] > cut).tolist(), session)
    return {alarm.kind for alarm in found.alarms} if found is not None else set()


def _topics(data: Path, model: Artifact, progress: Progress) -> Topics:
    progress("computing features")
    known = TrainingSet.of(read(data), model)
    frame = known.data.prompts
    frame = frame[frame["source"].isin(TRAFFIC_SOURCES)]
    at = frame["prompt_id"].map(known.position).to_numpy()
    features = known.features.take(at)
    p_local, p_cloud = fitted_of(model).predict(features)
    topic = (frame["source"] + ": " + frame["category"]).to_numpy(dtype=str)
    return Topics(
        embedding=np.asarray(features.embedding, dtype=np.float64),
        gain=p_cloud - p_local,
        rows=tuple(np.flatnonzero(topic == t) for t in np.unique(topic)),
    )
