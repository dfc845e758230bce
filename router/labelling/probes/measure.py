"""Letting a local model answer the probes, and what its results say of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

import numpy as np
from sqlalchemy import Engine

from router.backends.discovery import LocalModel, digest_of
from router.decide.heads import logit, sigmoid
from router.decide.router import Router
from router.decide.shift import fitted_shift
from router.labelling.local import Local
from router.labelling.probes.checks import passed
from router.labelling.probes.load import Probe
from router.outcomes import queries
from router.outcomes.pieces import Progress, untold
from router.registry import artifact as artifacts
from router.registry.ability import ability_for, normalised, with_ability
from router.registry.registry import Registry
from router.types import FloatArray
from router.wire import Json
from router.wire.summary import Summary

MAX_TOKENS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """An ability term in logits beside what was assumed before, and the calibration on the probes.

    `kinds`: kind of probe -> share passed. `ece`: of p_local on the probes, by halves: each half
    judged with the term that the other gave.
    """

    model: str
    digest: str
    probes: int
    passed: float
    ability: float
    before: float
    ece: float
    ece_before: float
    kinds: Mapping[str, float]


async def answer_probes(
    engine: Engine,
    local: Local,
    model: LocalModel,
    probes: Sequence[Probe],
    *,
    progress: Progress = untold,
) -> dict[str, bool]:
    """Ask every probe that this model, by its digest, has not answered; probe_id -> passed.

    Each result is stored at once, so it may be stopped at any moment. Raises BackendError.
    """
    digest = digest_of(model)
    known = queries.probe_results(engine, model.name, digest)
    missing = [p for p in probes if p.id not in known]
    for number, probe in enumerate(missing):
        progress(len(probes) - len(missing) + number, len(probes))
        known[probe.id] = await answer_probe(engine, local.ask, model, probe)
    return {p.id: known[p.id] for p in probes}


async def answer_probe(
    engine: Engine,
    ask: Callable[[str, Json], Awaitable[Summary]],
    model: LocalModel,
    probe: Probe,
) -> bool:
    """Whether a model passes one probe; stored at once.

    `ask(model, body)` may raise BackendError.
    """
    began = monotonic()
    body: Json = {
        "messages": [{"role": "user", "content": probe.prompt}],
        "temperature": 0,
        "max_tokens": MAX_TOKENS,
    }
    answer = await ask(model.name, body)
    good = await asyncio.to_thread(passed, probe.check, answer.text)
    await asyncio.to_thread(
        queries.add_probe_result,
        engine,
        model.name,
        digest_of(model),
        probe_id=probe.id,
        passed=good,
        latency_s=monotonic() - began,
    )
    return good


def measured(
    model: str,
    digest: str,
    probes: Sequence[Probe],
    good: Mapping[str, bool],
    logit: FloatArray,
    slope: float,
    before: float,
) -> Measured:
    """The ability term that fits results; `logit` (n,) are those of p_local with the term `before`.

    `slope`: by how much a logit moves for one unit of the term.
    """
    y = np.array([float(good[p.id]) for p in probes])
    even = np.arange(len(y)) % 2 == 0
    crossed = np.empty(len(y))
    for half in (even, ~even):
        crossed[half] = sigmoid(logit[half] + fitted_shift(logit[~half], y[~half]))
    kinds = sorted({p.kind for p in probes})
    share = {k: float(np.mean([good[p.id] for p in probes if p.kind == k])) for k in kinds}
    return Measured(
        model=model,
        digest=digest,
        probes=len(y),
        passed=float(y.mean()),
        ability=before + fitted_shift(logit, y) / slope,
        before=before,
        ece=_ece(crossed, y),
        ece_before=_ece(sigmoid(logit), y),
        kinds=share,
    )


def learned_version(
    registry: Registry, model: LocalModel, probes: Sequence[Probe], good: Mapping[str, bool]
) -> tuple[Measured, str]:
    """Make results current: a version that knows the model's ability, and what was measured.

    Measuring again replaces what was measured before. Raises ArtifactError.
    """
    base = registry.load()
    known = base.manifest["models"]["local"]
    others = {k: v for k, v in known.items() if normalised(k) != normalised(model.name)}
    before = ability_for(model.name, others, base.manifest["models"]["reference_local"]).value
    guess = Router(with_ability(base, model.name, "", before, {}), local_model=model.name)
    p = guess.predict_batch([probe.prompt for probe in probes]).p_local
    found = measured(
        model.name,
        digest_of(model),
        probes,
        good,
        logit(p),
        float(base.arrays["calibration"][0, 0]),
        before,
    )
    about = {"probes": found.probes, "passed": found.passed, "ece": found.ece}
    version = with_ability(base, model.name, found.digest, found.ability, about)
    artifacts.save(version, registry.folder)
    registry.promote(
        version.version,
        f"{version.version} is current: {model.name} passes {found.passed:.0%} of {found.probes} "
        "probes.",
    )
    return found, version.version


def _ece(p: FloatArray, y: FloatArray, bins: int = 10) -> float:
    pieces = np.array_split(np.argsort(p, kind="stable"), min(bins, len(p)))
    return float(sum(len(b) * abs(p[b].mean() - y[b].mean()) for b in pieces if len(b)) / len(p))
