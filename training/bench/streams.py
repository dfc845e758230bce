"""The benchmark of holding streams: what judging beginnings costs and brings, beside whole answers.

Kept answers of real models are replayed as streams. What the shipped version says of a prompt, of
its answer's beginnings and of all of it is computed once, for groups that were in no fit; then
every policy is played through, with the gateway's own rules for holding.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from router.answers.constants import MARKS
from router.answers.reading import Answer
from router.decide.deferral import pays_to_read_on, values_of_reading_on
from router.decide.router import Router
from router.errors import DataError
from router.prices import CHARS_PER_TOKEN
from router.registry.artifact import Artifact
from router.types import Decision, FloatArray
from training.bench.constants import (
    CLOUD_SHARES,
    COMPARED_SHARE,
    LEAST_STREAMS,
    STREAM_THRESHOLDS,
    STREAM_WAITS,
    TOKENS_PER_S,
)
from training.data.answers import read_answers
from training.data.readers import read
from training.data.splits import parts
from training.evaluate.constants import BOOTSTRAP_ROUNDS, LEVEL

_PROMPT, _WHOLE = 0, 1 + len(MARKS)  # stages; between them the beginnings
_ENDLESS = 1e9  # characters: whoever waits so long waits for all


@dataclass(frozen=True, kw_only=True)
class Streams:
    """Answers of one local model as streams, n of them.

    `p` (n, 5, 2): p_local and p_cloud by the prompt, by beginnings of 120, 240 and 480 characters,
    and by all of the answer; a beginning that is all of it says what all of it says. `chars` (n,).
    `threshold` (n, 5): what the gain must exceed at each stage, the burden of proof included.
    `local`, `cloud` (n,): how good both answers were.
    """

    source: str
    model: str
    group: Any
    chars: FloatArray
    p: FloatArray
    threshold: FloatArray
    local: FloatArray
    cloud: FloatArray


@dataclass(frozen=True, kw_only=True)
class Played:
    """What a policy did with each stream, arrays (n,).

    `to_cloud`: who answered. `held`: whether the stream was held. `waited`: characters held.
    `spared`: characters that were never generated, as a beginning was poor.
    """

    to_cloud: Any
    held: Any
    waited: FloatArray
    spared: FloatArray


Policy = Callable[[Streams, FloatArray], Played]


def run_streams(
    data: Path,
    model: Artifact,
    *,
    everyday: Path,
    progress: Callable[[str], None] = lambda step: None,
    seed: int = 0,
) -> dict[str, Any]:
    """Source -> policy -> measures, and what is held of everyday prompts; plain values."""
    progress("reading the answers")
    frame = kept(data)
    found: dict[str, list[Streams]] = {}
    router = Router(model)
    for (source, name), rows in frame.groupby(["source", "model"]):
        progress(f"{source}: judging beginnings of {name}")
        if len(rows) >= LEAST_STREAMS:
            found.setdefault(str(source), []).append(judged(model, str(name), rows))
    policies = policies_of(router)
    out: dict[str, Any] = {"tokens_per_s": TOKENS_PER_S, "cloud": COMPARED_SHARE, "sources": {}}
    progress("everyday prompts")
    out["everyday"] = _held_everyday(model, everyday)
    for source, streams in found.items():
        progress(f"{source}: playing the policies")
        out["sources"][source] = {
            "models": len(streams),
            "streams": sum(len(s.chars) for s in streams),
            "policies": compared(streams, policies, seed),
        }
    return out


def kept(data: Path) -> pd.DataFrame:
    """Prose with scores, of groups in no fit; `prompt` is None where it is unknown.

    The cloud is the model with most outcomes; where the prompts are unknown no such model stands
    beside, and its answers count as good. Raises DataError where there are none.
    """
    outcomes = read(data).rows
    answers = read_answers(data)
    calling = answers.groupby("own_source")["tool_calls"].transform(
        lambda calls: calls.notna().any()
    )
    answers = answers[answers["text"].notna() & ~calling]
    cloud = outcomes[outcomes["tier"] == "cloud"]
    most = cloud.groupby("source")["model"].agg(lambda names: names.mode().iloc[0])
    cloud = cloud[cloud["model"] == cloud["source"].map(most)]
    asked = cloud.drop_duplicates("prompt_id").set_index("prompt_id")
    keys = ["prompt_id", "model"]
    local = outcomes[outcomes["tier"] == "local"].drop_duplicates(keys).set_index(keys)["score"]
    score = local.reindex(pd.MultiIndex.from_frame(answers[keys])).to_numpy(dtype="float64")
    frame = answers.assign(
        score=answers["score"].astype("float64").fillna(pd.Series(score, answers.index)),
        prompt=answers["prompt_id"].map(asked["prompt"]),
        group=answers["prompt_id"].map(asked["group"]).fillna(answers["own_group"]),
        source=answers["prompt_id"].map(asked["source"]).fillna(answers["own_source"]),
        cloud=answers["prompt_id"].map(asked["score"]).fillna(1.0),
    )
    frame = frame[frame["score"].notna() & (parts(frame["group"].astype(str)) == "test")]
    if frame.empty:
        raise DataError(f"{data} holds no answers with text and scores that no fit has seen.")
    out: pd.DataFrame = frame.reset_index(drop=True)
    return out


def judged(model: Artifact, name: str, rows: pd.DataFrame) -> Streams:
    """What `model` says of the streams of one local model at every stage."""
    router = Router(model, local_model=name)
    texts = rows["text"].tolist()
    before = [None if pd.isna(p) else router.predict(p) for p in rows["prompt"]]
    whole = router.predict_after_batch(before, [Answer(t, name) for t in texts])
    stages: list[list[Decision]] = []
    for chars in MARKS:
        at = [i for i, text in enumerate(texts) if len(text) > chars]
        said = [Answer(texts[i][:chars], name, so_far=True) for i in at]
        stage = list(whole)
        for i, one in zip(
            at, router.predict_after_batch([before[i] for i in at], said), strict=True
        ):
            stage[i] = one
        stages.append(stage)
    p = np.empty((len(texts), _WHOLE + 1, 2))
    threshold = np.empty(p.shape[:2])
    threshold[:, _PROMPT] = [(b or one).threshold for b, one in zip(before, whole, strict=True)]
    for k, stage in enumerate([*stages, whole], 1):
        p[:, k] = [(one.p_local, one.p_cloud) for one in stage]
        threshold[:, k] = [one.threshold for one in stage]
    # Of an unknown prompt no more is known than how good the model's answers mostly are.
    usual = p[:, _WHOLE].mean(axis=0)
    p[:, _PROMPT] = [usual if b is None else (b.p_local, b.p_cloud) for b in before]
    return Streams(
        source=str(rows["source"].iloc[0]),
        model=name,
        group=rows["group"].to_numpy(),
        chars=np.array([len(t) for t in texts], dtype=np.float64),
        p=p,
        threshold=threshold,
        local=rows["score"].to_numpy(dtype="float64"),
        cloud=rows["cloud"].to_numpy(dtype="float64"),
    )


def policies_of(router: Router) -> dict[str, Policy]:
    """By name: the prompt alone, beginnings by how long one waits, all beginnings, all answers."""
    second = router.second_look()

    def holding(wait_s: float, price: float) -> Policy:
        reach = wait_s * TOKENS_PER_S * CHARS_PER_TOKEN
        return lambda s, threshold: played(second.look, s, threshold, reach, price)

    out: dict[str, Policy] = {"prompt alone": holding(0.0, router.look_price)}
    out |= {f"stream_wait {w:g} s": holding(w, router.look_price) for w in STREAM_WAITS}
    return {**out, "every beginning": holding(_ENDLESS, 0.0), "whole answers": read_whole}


def played(
    look: FloatArray, streams: Streams, threshold: FloatArray, reach: float, price: float
) -> Played:
    """The gateway's rules: hold while reading on pays, judge at the marks, give or replace.

    Once the marks are passed the stream is given; one that ends before is judged by all of it.
    `threshold`: one for all stages (n,), or one each (n, 5).
    """
    gain = streams.p[:, :, 1] - streams.p[:, :, 0]
    cut = np.broadcast_to(threshold.reshape(len(gain), -1), gain.shape)

    def pays(at: int) -> Any:
        local, cloud = streams.p[:, at].T
        values = values_of_reading_on(look, at, local, cloud, cut[:, at])
        return pays_to_read_on(values, at, reach, price)

    to_cloud = gain[:, _PROMPT] > cut[:, _PROMPT]
    reading = held = ~to_cloud & pays(0)
    waited, spared = np.zeros(len(gain)), np.zeros(len(gain))
    for at, chars in enumerate(MARKS, 1):
        ended = streams.chars <= chars
        waited = np.where(reading, np.minimum(streams.chars, chars), waited)
        on = reading & ~ended & (at < len(MARKS) and pays(at))
        poor = reading & ~on & (gain[:, at] > cut[:, at])
        spared[poor] = np.maximum(streams.chars[poor] - chars, 0.0)
        to_cloud, reading = to_cloud | poor, on
    return Played(to_cloud=to_cloud, held=held, waited=waited, spared=spared)


def read_whole(streams: Streams, threshold: FloatArray) -> Played:
    """Every answer that the prompt keeps is read to its end before a word of it is given."""
    gain = streams.p[:, :, 1] - streams.p[:, :, 0]
    to_cloud = gain[:, _PROMPT] > threshold
    held = ~to_cloud
    return Played(
        to_cloud=to_cloud | (gain[:, _WHOLE] > threshold),
        held=held,
        waited=np.where(held, streams.chars, 0.0),
        spared=np.zeros(len(gain)),
    )


def compared(
    streams: list[Streams], policies: Mapping[str, Policy], seed: int
) -> dict[str, dict[str, Any]]:
    """Means over local models, each at the threshold that sends a given share to the cloud.

    `held`: of all requests. `chars`, `seconds`, `slowest`: of the held streams, the last that of
    the slowest in twenty. `spared`: of all that the local model would have written. `quality` and
    `apgr`, and how much they are above those of the first policy: with intervals that resample
    whole groups.
    """
    weights = _weights(streams, seed)
    out: dict[str, dict[str, Any]] = {}
    first: FloatArray | None = None
    for name, policy in policies.items():
        curves = [_Curve.of(s, policy) for s in streams]
        found = np.array([_summed(curves, w) for w in weights])
        first = found if first is None else first
        out[name] = _waited(streams, curves, policy)
        for measure, values in (
            ("quality", found[:, 0]),
            ("apgr", found[:, 1]),
            ("quality gained", found[:, 0] - first[:, 0]),
            ("apgr gained", found[:, 1] - first[:, 1]),
        ):
            low, high = np.quantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
            out[name][measure] = {"value": float(values[0]), "low": low, "high": high}
    return out


def _waited(streams: list[Streams], curves: "list[_Curve]", policy: Policy) -> dict[str, float]:
    held, spared, chars = [], [], []
    for s, curve in zip(streams, curves, strict=True):
        done = policy(s, np.full(len(s.chars), curve.threshold_for(COMPARED_SHARE)))
        held.append(done.held.mean())
        spared.append(done.spared.sum() / s.chars.sum())
        chars.append(done.waited[done.held])
    waited = np.concatenate(chars)
    waited = waited if len(waited) else np.zeros(1)
    seconds = waited / CHARS_PER_TOKEN / TOKENS_PER_S
    return {
        "held": float(np.mean(held)),
        "chars": float(waited.mean()),
        "seconds": float(seconds.mean()),
        "slowest": float(np.quantile(seconds, 0.95)),
        "spared": float(np.mean(spared)),
    }


def _weights(streams: list[Streams], seed: int) -> list[list[FloatArray]]:
    """How often each stream counts: once, then in every resample of whole groups."""
    names, at = np.unique(np.concatenate([s.group for s in streams]), return_inverse=True)
    place = np.split(at, np.cumsum([len(s.chars) for s in streams])[:-1])
    even = np.full(len(names), 1 / len(names))
    drawn = np.random.default_rng(seed).multinomial(len(names), even, BOOTSTRAP_ROUNDS)
    counts = np.concatenate([np.ones((1, len(names))), drawn])
    return [[count[i] for i in place] for count in counts]


def _summed(curves: "list[_Curve]", weights: list[FloatArray]) -> tuple[float, float]:
    """Quality at the compared share, and APGR, of means over local models."""
    better = np.mean([c.better(w) for c, w in zip(curves, weights, strict=True)], axis=0)
    local = np.mean([np.average(c.local, weights=w) for c, w in zip(curves, weights, strict=True)])
    quality = float(local + np.interp(COMPARED_SHARE, _GRID, better))
    return quality, float(np.trapezoid(better / better[-1], _GRID))


_GRID = np.linspace(0, 1, CLOUD_SHARES)


@dataclass(frozen=True)
class _Curve:
    """A policy at many thresholds (t,): `sent` (t, n) whether each stream goes to the cloud."""

    thresholds: FloatArray
    sent: FloatArray
    local: FloatArray
    cloud: FloatArray

    @classmethod
    def of(cls, streams: Streams, policy: Policy) -> "_Curve":
        gains = streams.p[:, :, 1] - streams.p[:, :, 0]
        levels = np.quantile(gains, np.linspace(0, 1, STREAM_THRESHOLDS))
        n = len(streams.chars)
        sent = [policy(streams, np.full(n, level)).to_cloud for level in levels]
        return cls(levels, np.array(sent, dtype=np.float64), streams.local, streams.cloud)

    def threshold_for(self, share: float) -> float:
        """The threshold at which the share of the cloud comes nearest to `share`."""
        return float(self.thresholds[np.argmin(np.abs(self.sent.mean(axis=1) - share))])

    def better(self, weight: FloatArray) -> FloatArray:
        """What the mean score gains at each share of the grid; between thresholds it is straight.

        Streams count `weight` (n,) times.
        """
        total = weight.sum()
        share = np.concatenate([[0.0], self.sent @ weight / total, [1.0]])
        gained = (self.cloud - self.local) * weight / total
        found = np.concatenate([[0.0], self.sent @ gained, [gained.sum()]])
        order = np.argsort(share, kind="stable")
        out: FloatArray = np.interp(_GRID, share[order], found[order])
        return out


def _held_everyday(model: Artifact, everyday: Path) -> dict[str, Any]:
    """Of graded everyday prompts at the default threshold, whose streams would be held."""
    router = Router(model)
    prompts = read(everyday).prompts["prompt"].tolist()
    local = [one for p in prompts if (one := router.predict(p)).tier == "local"]
    held = {}
    for wait_s in STREAM_WAITS:
        reach = wait_s * TOKENS_PER_S * CHARS_PER_TOKEN
        held[f"{wait_s:g}"] = sum(router.reads_on(d, 0, reach) for d in local) / len(prompts)
    return {"prompts": len(prompts), "local": len(local) / len(prompts), "held": held}
