"""What a local model that nobody measured costs: each one left out of the known abilities.

For every source and local model, beside the cloud model with most outcomes there: how good its
answers are and are predicted to be, and at the default cut how many right answers leave (they
should not) and how many wrong ones that the cloud gets right (they should): by the prompt, with and
without the burden of proof; after reading the answer; and after reading by a verifier that never
saw the source.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from router.answers.reading import Reading
from router.answers.verifier import Evidence
from router.decide.after import prompt_logits
from router.decide.router import Router
from router.registry.ability import normalised
from router.registry.artifact import Artifact
from router.threshold import CONFIDENCE
from router.types import Decision
from training.bench.cases import Bench
from training.bench.constants import UNMEASURED_ROWS
from training.bench.unseen import Strangers
from training.data.dataset import Dataset
from training.data.readers import read
from training.evaluate.constants import GOOD_SCORE

_ESTIMATE = 0.5  # the confidence that asks for no more than the estimate itself


@dataclass(frozen=True)
class _Asked:
    """One model's answers on a source: what was asked, read and scored, one row each.

    `frame`: prompt (None where unknown), score, cloud, asks. `readings`: of the answers, None each
    where these are not known.
    """

    source: str
    model: str
    frame: pd.DataFrame
    readings: list[Reading | None]


def run_unmeasured(
    data: Path, model: Artifact, seed: int = 0, progress: Callable[[str], None] = lambda step: None
) -> list[dict[str, Any]]:
    """One row per source and local model; shares of requests, 0..1."""
    dataset = read(data)
    asked = list(_by_prompt(dataset.rows, seed))
    left_out: dict[str, Artifact] = {}
    if any(data.glob("*.answers.*")):
        progress("reading the answers")
        bench = Bench.load(dataset, data, model)
        asked = _with_readings(asked, bench, seed)
        strangers = Strangers.load(bench, data, model)
        for source in strangers.whole if len(strangers.whole) > 1 else ():
            progress(f"a verifier without {source}")
            left_out[source] = _with_verifier(model, strangers, source)
    out = []
    for one in asked:
        found = {"source": one.source, "model": one.model, "rows": len(one.frame)}
        out.append({**found, **_sent(one, model, left_out.get(one.source))})
    return out


def without(model: Artifact, name: str) -> Artifact:
    """`model` as if it had never seen a local model."""
    models = model.manifest["models"]
    others = {k: v for k, v in models["local"].items() if normalised(k) != normalised(name)}
    return replace(model, manifest={**model.manifest, "models": {**models, "local": others}})


def _by_prompt(rows: pd.DataFrame, seed: int) -> Iterator[_Asked]:
    """Every local model of every source that has a cloud model beside it."""
    for source, part in rows.groupby("source"):
        cloud = part[part["tier"] == "cloud"]
        if cloud.empty:
            continue
        asked = cloud["model"].mode().iloc[0]
        known = cloud[cloud["model"] == asked].drop_duplicates("prompt_id")
        scores = known.set_index("prompt_id")["score"]
        for name, mine in part[part["tier"] == "local"].groupby("model"):
            both = mine.drop_duplicates("prompt_id")
            both = both[both["prompt_id"].isin(scores.index)]
            if len(both) > UNMEASURED_ROWS:
                both = both.sample(UNMEASURED_ROWS, random_state=seed)
            if len(both):
                frame = both.assign(cloud=both["prompt_id"].map(scores), asks="text")
                yield _Asked(str(source), str(name), frame, [None] * len(frame))


def _with_readings(asked: list[_Asked], bench: Bench, seed: int) -> list[_Asked]:
    """The same with their answers, and the sources whose prompts are not known."""
    out = []
    for one in asked:
        opinions = bench.answers.get(one.source)
        if opinions is None:
            out.append(one)
            continue
        at = [opinions.at.get((p, one.model), -1) for p in one.frame["prompt_id"]]
        known = np.array(at) >= 0
        if not known.any():
            out.append(one)
            continue
        where = np.array(at)[known]
        asks = opinions.answers.frame["asks"].to_numpy()[where]
        frame = one.frame[known].assign(asks=asks)
        read: list[Reading | None] = [opinions.answers.readings[i] for i in where]
        out.append(replace(one, frame=frame, readings=read))
    for source in bench.answers.keys() - {one.source for one in asked}:
        answers = bench.answers[source].answers
        scored = answers.frame[answers.frame["score"].notna() & answers.frame["cloud"].notna()]
        for name, mine in scored.groupby("model"):
            some = mine.sample(min(len(mine), UNMEASURED_ROWS), random_state=seed)
            readings = [answers.readings[i] for i in some.index]
            out.append(_Asked(source, str(name), some.assign(prompt=None), [*readings]))
    return out


def _with_verifier(model: Artifact, strangers: Strangers, source: str) -> Artifact:
    if model.verifier is None:
        return model
    arrays = strangers.without(source).arrays()
    return replace(model, verifier={**arrays, "look": model.verifier["look"]})


def _sent(one: _Asked, model: Artifact, left_out: Artifact | None) -> dict[str, float]:
    right = one.frame["score"].to_numpy() >= GOOD_SCORE
    worth = ~right & (one.frame["cloud"].to_numpy() >= GOOD_SCORE)
    out = {"right": float(right.mean()), "predicted": np.nan}

    def shares(words: str, decided: list[Decision] | None) -> None:
        for side, which in (("right", right), ("wrong", worth)):
            share = np.nan
            if decided is not None and which.any():
                share = float(np.mean([decided[i].tier == "cloud" for i in np.flatnonzero(which)]))
            out[f"{side} sent, {words}"] = share

    prompts = one.frame["prompt"].tolist()
    known = all(isinstance(p, str) for p in prompts)
    routers = {
        "estimate": Router(without(model, one.model), local_model=one.model, confidence=_ESTIMATE),
        "burden": Router(without(model, one.model), local_model=one.model, confidence=CONFIDENCE),
    }
    before: list[Decision] = []
    for words, router in routers.items():
        unknown = [router.before(None)] * len(prompts)
        before = router.decide_batch(Dataset(one.frame).requests) if known else unknown
        shares(words, before if known else None)
    if known:
        out["predicted"] = float(np.mean([d.p_local for d in before]))
    shares("read", _read(routers["burden"], one, before))
    strange = None
    if left_out is not None:
        strange = Router(without(left_out, one.model), local_model=one.model, confidence=CONFIDENCE)
    shares("read, source left out", _read(strange, one, before) if strange else None)
    return out


def _read(router: Router, one: _Asked, before: list[Decision]) -> list[Decision] | None:
    """Decisions after reading the answers; None where these are not known."""
    if router.second is None or any(r is None for r in one.readings):
        return None
    ability = router.second.ability(one.model)
    evidence = [
        Evidence(answer=r, asks=asks, ability=ability, prompt=prompt_logits(d))
        for r, asks, d in zip(one.readings, one.frame["asks"], before, strict=True)
        if r is not None
    ]
    return router.decide_after(before, evidence)
