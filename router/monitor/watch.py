"""Watching over the model that serves: calibration, drift, and the way back.

Looks at the outcome log every minute. Alarms are said once, in words, in the gateway's log and
among the events; `router models` shows them.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Engine, RowMapping, and_, func, or_, select

from router.app import Service
from router.decide.router import Router
from router.errors import RouterError
from router.monitor.alarms import WINDOW, Alarm, CalibrationTest, Drift, Kind, drift
from router.monitor.shadow import PrivateOpinions, Shadow
from router.outcomes.events import note
from router.outcomes.export import request_of
from router.outcomes.kept import features_of
from router.outcomes.tables import decisions, feedback
from router.registry import gates

_log = logging.getLogger("router.gateway")
_LOOK_S, _SHADOW_S = 60.0, 2.0


@dataclass(kw_only=True)
class Watch:
    """What was seen last; the metrics read it."""

    service: Service
    shadow: Shadow
    calibration: CalibrationTest = field(default_factory=CalibrationTest)
    drift: Drift | None = None
    alarms: tuple[Alarm, ...] = ()

    async def look(self) -> None:
        """Look at the log; say what is new, and go back to the version before if need be."""
        router = self.service.policy.router
        engine = self.service.log.engine
        labels = await asyncio.to_thread(fresh_labels, engine, router.version)
        test = CalibrationTest()
        for p, row in labels:
            test.add(p, float(row["score"]))
        self.calibration = test
        self.drift = await asyncio.to_thread(recent_drift, engine, router)
        alarms = self.drift.alarms if self.drift else ()
        if test.broken:
            alarms = (*alarms, Alarm(Kind.CALIBRATION, test.words()))
        for alarm in alarms:
            if alarm.kind not in {a.kind for a in self.alarms}:
                _log.warning(alarm.words)
                said = note("alarm", router.version, alarm.words)
                await asyncio.wrap_future(self.service.log.call(said))
        self.alarms = alarms
        if test.broken and self.service.settings.auto_rollback:
            await self._go_back(router, labels)

    async def _go_back(self, router: Router, labels: Sequence[tuple[float, RowMapping]]) -> None:
        """To the version before, where that fits the same labels better."""
        registry = self.service.registry
        before = registry.previous
        if before is None or before == router.version:
            return
        try:
            earlier = Router(
                await asyncio.to_thread(registry.load, before),
                local_model=router.local_model,
                cloud_model=router.cloud_model,
            )
        except RouterError as error:
            _log.error("No way back to %s: %s", before, error)
            return
        gain = await asyncio.to_thread(_gain_of, earlier, labels)
        if not gates.worth_going_back(gain):
            return
        why = (
            f"{self.calibration.words()} {before} fits these labels better by {gain:.3f} "
            "(mean squared error)."
        )
        await asyncio.to_thread(registry.roll_back, why)


def fresh_labels(engine: Engine, version: str) -> list[tuple[float, RowMapping]]:
    """Explicit labels of local answers that this version decided on, in the order they came.

    p_local as it was when the answer was given: after looking, where it was looked at. Of one key
    and request the last word counts.
    """
    d, f = decisions.c, feedback.c
    about_local = or_(f.tier == "local", and_(f.tier.is_(None), d.tier == "local"))
    last = select(func.max(f.id)).group_by(f.decision_id, f.key, f.source)
    query = (
        select(decisions, f.score.label("score"))
        .join(feedback, d.id == f.decision_id)
        .where(d.router_version == version, about_local, d.p_local.is_not(None), f.id.in_(last))
        .order_by(f.at, f.id)
    )
    with engine.connect() as connection:
        rows = connection.execute(query).mappings().all()
    return [(r["p_local"] if r["p_local_after"] is None else r["p_local_after"], r) for r in rows]


def _gain_of(earlier: Router, labels: Iterable[tuple[float, RowMapping]]) -> float:
    """By how much `earlier` fits labels better: mean squared error, minus its own."""
    found = [(request_of(row["request"], row["api"]), row) for _, row in labels]
    kept = [(request, row) for request, row in found if request is not None]
    if not kept:
        return 0.0
    now, score = np.array([(row["p_local"], row["score"]) for _, row in kept]).T
    then = earlier.predict_batch([request for request, _ in kept]).p_local
    return float(np.mean((now - score) ** 2 - (then - score) ** 2))


def recent_drift(engine: Engine, router: Router) -> Drift | None:
    """The last requests beside the traffic that the model learned from; None where unknown."""
    if not router.traffic:
        return None
    d = decisions.c
    usable = and_(d.p_local.is_not(None), or_(d.request.is_not(None), d.features.is_not(None)))
    query = select(decisions).where(usable).order_by(d.at.desc()).limit(WINDOW)
    with engine.connect() as connection:
        rows = connection.execute(query).mappings().all()[::-1]
    requests = [request_of(row["request"], row["api"]) for row in rows]
    known = [i for i, row in enumerate(rows) if requests[i] is not None or row["features"]]
    features = features_of(
        router.extractor, [requests[i] for i in known], [rows[i]["features"] for i in known]
    )
    escalated = [bool(rows[i]["gain"] > rows[i]["threshold"]) for i in known]
    return drift(router.traffic, features.embedding, escalated) if known else None


@asynccontextmanager
async def watching(service: Service) -> AsyncIterator[Watch]:
    """Watch over an open service until the end of the block."""
    shadow = Shadow(service)
    watch = Watch(service=service, shadow=shadow)
    service.watchers += [shadow.watch, PrivateOpinions(service).watch]
    async with AsyncExitStack() as stack:
        for name, pause_s, work in (
            ("watch", _LOOK_S, watch.look),
            ("shadow", _SHADOW_S, shadow.work),
        ):
            stack.push_async_callback(service.repeat(name, pause_s, work).stop)
        yield watch
