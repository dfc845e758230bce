"""Measuring a local model that nobody measured, by itself, while nobody needs it."""

import asyncio
import logging
from functools import cache
from time import monotonic, time

from sqlalchemy import Engine

from router.app import Service
from router.backends.discovery import digest_of
from router.engine.record import Record
from router.errors import BackendError
from router.labelling.probes import Probe, load_probes
from router.labelling.probes.checks import runs_code
from router.labelling.probes.load import some
from router.labelling.probes.measure import answer_probe, learned_version
from router.monitor.constants import IDLE_S, SELF_PROBES
from router.outcomes import queries
from router.registry.serving import writable
from router.wire import Json
from router.wire.summary import Summary

_log = logging.getLogger("router.gateway")


class SelfMeasure:
    """Asks an unmeasured local model some probes, one at a time, and then promotes what it learned.

    No cloud and no word of a user takes part, and no code that the model writes is run. Results are
    kept in the log, so a restart goes on where it was. With `auto_probe = false` it does nothing.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._used = monotonic()

    def watch(self, record: Record) -> None:
        """Take note that the gateway is in use."""
        self._used = monotonic()

    async def work(self) -> None:
        """Ask one probe more if nobody asked anything for a while; after the last one, learn."""
        service = self._service
        settings, router = service.settings, service.policy.router
        if not settings.auto_probe or router.abilities[0].known:
            return
        if monotonic() - self._used < IDLE_S:
            return
        served = service.server.find(router.local_model)
        if served is None or service.server.kind == "none" or not await service.mine():
            return
        engine, digest = service.log.engine, digest_of(served)
        if service.shared is not None and await asyncio.to_thread(_asked_lately, engine):
            return
        probes = await asyncio.to_thread(_harmless)
        known = await asyncio.to_thread(queries.probe_results, engine, served.name, digest)
        missing = [probe for probe in probes if probe.id not in known]
        if missing:
            try:
                await answer_probe(engine, self._ask, served, missing[0])
            except BackendError as error:
                self._used = monotonic()  # not now; after another while
                _log.warning("%s answers no probe (%s).", served.name, error.code)
            return
        good = {probe.id: known[probe.id] for probe in probes}
        folder = await asyncio.to_thread(writable, settings)
        await asyncio.to_thread(learned_version, service.registry_of(folder), served, probes, good)
        self._used = monotonic()  # the gateway takes that version up within seconds

    async def _ask(self, model: str, body: Json) -> Summary:
        return await self._service.aside.local("openai", body, model)


def _asked_lately(engine: Engine) -> bool:
    """Whether another gateway is in use."""
    return time() - (queries.newest_at(engine) or 0.0) < IDLE_S


@cache
def _harmless() -> list[Probe]:
    """Probes of every kind whose check runs nothing that a model wrote."""
    return some([probe for probe in load_probes() if not runs_code(probe.check)], SELF_PROBES)
