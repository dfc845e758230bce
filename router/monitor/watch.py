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
from sqlalchemy import Engine

from router.app import Service
from router.decide.router import Router
from router.errors import RouterError
from router.monitor.alarms import Alarm, CalibrationTest, Drift, Kind, drift, sessions_of
from router.monitor.bets import Bet, bets_on, heard_enough, watched
from router.monitor.constants import (
    FOLLOW_S,
    FRESH_LABELS,
    LOOK_S,
    PRIVATE_KIND,
    PROBE_S,
    SHADOW_S,
    WINDOW,
)
from router.monitor.following import Following
from router.monitor.self_measure import SelfMeasure
from router.monitor.shadow import PrivateOpinions, Shadow
from router.outcomes import queries
from router.outcomes.constants import WORDS_ROWS
from router.outcomes.events import note
from router.outcomes.kept import features_of, is_readable
from router.outcomes.pieces import pieces
from router.registry import gates
from router.text.asks import asks_for

_log = logging.getLogger("router.gateway")


@dataclass(kw_only=True)
class Watch:
    """What was seen last; the metrics read it."""

    service: Service
    shadow: Shadow
    calibration: CalibrationTest = field(default_factory=CalibrationTest)
    drift: Drift | None = None
    alarms: tuple[Alarm, ...] = ()
    _heard: tuple[object, ...] = ()  # the version, and what had been said, at the last whole look

    async def look(self) -> None:
        """Look at the log; say what is new, and go back to the version before if need be."""
        router = self.service.policy.router
        engine = self.service.log.engine
        heard = (router.version, await asyncio.to_thread(queries.labels_until, engine))
        bets: list[Bet] = []
        if heard != self._heard:
            bets, self.calibration = await asyncio.to_thread(_judged, engine, router.version)
        self.drift = await asyncio.to_thread(recent_drift, engine, router)
        alarms = self.drift.alarms if self.drift else ()
        test = self.calibration
        if test.broken:
            alarms = (*alarms, Alarm(Kind.CALIBRATION, test.words()))
        for alarm in alarms:
            new = alarm.kind not in {a.kind for a in self.alarms}
            # Every gateway sees it, one says so.
            if new and await self.service.leases.mine("alarms"):
                _log.warning(alarm.words)
                said = note("alarm", router.version, alarm.words)
                await asyncio.wrap_future(self.service.log.call(said))
        self.alarms = alarms
        if test.broken and self.service.settings.auto_rollback and heard_enough(bets):
            await self._go_back(router, bets[test.since :])
        self._heard = heard

    async def _go_back(self, router: Router, bets: Sequence[Bet]) -> None:
        """To the version before, where that fits what was said since it broke better."""
        registry = self.service.registry
        before = registry.previous
        if before is None or before == router.version or registry.current != router.version:
            return
        if not await self.service.mine():
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
        gain = await asyncio.to_thread(_gain_of, self.service.log.engine, earlier, bets)
        if not gates.worth_going_back(gain):
            return
        why = (
            f"{self.calibration.words()} {before} fits these labels better by {gain:.3f} "
            "(mean squared error)."
        )
        await asyncio.to_thread(registry.roll_back, why)


def _judged(engine: Engine, version: str) -> tuple[list[Bet], CalibrationTest]:
    bets = bets_on(queries.fresh_labels(engine, version, FRESH_LABELS))
    return bets, watched(bets)


def _gain_of(engine: Engine, earlier: Router, bets: Iterable[Bet]) -> float:
    """By how much `earlier` fits labels better: mean squared error, minus its own."""
    every = {one.decision: (one.p_local, bet.score) for bet in bets for one in bet.about}
    now, then, score = [], [], []
    for piece in pieces(queries.read_requests(engine, list(every)), WORDS_ROWS):
        predicted = earlier.predict_batch([request for _, request in piece]).p_local
        then += predicted.tolist()
        now += [every[name][0] for name, _ in piece]
        score += [every[name][1] for name, _ in piece]
    if not score:
        return 0.0
    errors = (np.array(p) - np.array(score) for p in (now, then))
    of_now, of_then = (float(np.mean(error**2)) for error in errors)
    return of_now - of_then


def recent_drift(engine: Engine, router: Router) -> Drift | None:
    """The last requests beside the traffic that the model learned from; None where unknown."""
    if not router.traffic:
        return None
    read = [(one.request, one) for one in queries.recent_requests(engine, WINDOW)]
    known = [(r, one) for r, one in read if r is not None or is_readable(one.features)]
    features = features_of(
        router.extractor, [request for request, _ in known], [one.features for _, one in known]
    )
    escalated = [one.gain > one.threshold for _, one in known]
    if not known:
        return None
    sessions = sessions_of([one.key for _, one in known], [one.at for _, one in known])
    kinds = [asks_for(request) if request is not None else PRIVATE_KIND for request, _ in known]
    return drift(router.traffic, features.embedding, escalated, sessions, kinds)


@asynccontextmanager
async def watching(service: Service) -> AsyncIterator[Watch]:
    """Watch over an open service until the end of the block."""
    shadow = Shadow(service)
    watch = Watch(service=service, shadow=shadow)
    measure, following = SelfMeasure(service), Following(service)
    service.watchers += [shadow.watch, measure.watch, PrivateOpinions(service).watch]
    async with AsyncExitStack() as stack:
        stack.push_async_callback(following.close)
        for name, pause_s, work in (
            ("watch", LOOK_S, watch.look),
            ("shadow", SHADOW_S, shadow.work),
            ("measure", PROBE_S, measure.work),
            ("champion", FOLLOW_S, following.work),
        ):
            stack.push_async_callback(service.repeat(name, pause_s, work).stop)
        yield watch
