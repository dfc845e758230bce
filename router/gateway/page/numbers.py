"""What the page shows, as plain values for JSON: gathered from the log, the watch and the registry.

Nothing here is text of a request but what `router.outcomes.live` gives of those that are not
private and whose words were kept.
"""

import asyncio
import json
from dataclasses import asdict
from functools import partial
from math import ceil
from time import time
from typing import Any

import numpy as np

from router.app import Service
from router.decide.promises import promises
from router.errors import RequestRefused
from router.gateway.constants import (
    PAGE_CHOICES,
    PAGE_COUNTS_S,
    PAGE_CURVE_S,
    PAGE_DAYS,
    PAGE_DECISIONS,
    PAGE_FILES_S,
    PAGE_PATIENCE_S,
    PAGE_SNIPPET_CHARS,
    PAGE_TEXTS,
)
from router.gateway.page.kept import KeptAnswers
from router.gateway.page.viewer import Viewer
from router.monitor.curve import curve, reliability
from router.monitor.latency import latencies
from router.monitor.lights import lights
from router.monitor.watch import Watch
from router.outcomes import events, live
from router.outcomes.budget import settled_usd, standings
from router.outcomes.constants import SHOWN_CHARS
from router.outcomes.export import body_of, request_of
from router.outcomes.savings import savings
from router.registry import artifact as artifacts
from router.wire import Json

_DAY_S = 86_400
# What a person calls it: the span in seconds, and how many bars it is drawn with.
_SPANS = {
    "hour": (3600, 60),
    "day": (_DAY_S, 48),
    "week": (7 * _DAY_S, 56),
    "month": (30 * _DAY_S, 30),
}


_Text = tuple[str, bool]  # the beginning, and whether there is more
_NO_TEXT: _Text = ("", False)


class Numbers:
    """The page's numbers, over one service."""

    def __init__(self, service: Service, watch: Watch | None) -> None:
        self._service, self._watch = service, watch
        self._kept = KeptAnswers()
        self._texts: dict[str, _Text] = {}  # decision -> the beginning of what was asked

    async def all(self, viewer: Viewer, span: str) -> Json:
        """Everything but the curve; parts of a long log may be None, and `waiting` true.

        Raises RequestRefused (400) for a span that is none.
        """
        if span not in _SPANS:
            raise RequestRefused(400, "invalid_span", f"span must be one of {', '.join(_SPANS)}.")
        await self._drained()
        soon, only = self._kept.soon, viewer.only_key
        traffic, money, latency, versions, decisions = await asyncio.gather(
            soon(("traffic", span), PAGE_COUNTS_S, partial(self._traffic, *_SPANS[span])),
            soon(("money", viewer.key), PAGE_COUNTS_S, partial(self._money, viewer.key)),
            soon("latency", PAGE_COUNTS_S, self._latency),
            soon("versions", PAGE_FILES_S, self._versions),
            # Those of one key may lie far apart in the log.
            soon(("decisions", only), PAGE_COUNTS_S if only else 0.0, partial(self._last, only)),
        )
        parts = traffic, money, latency, versions, decisions
        return {
            "at": time(),
            "viewer": asdict(viewer),
            "span": span,
            "waiting": any(part is None for part in parts),
            "traffic": traffic,
            "money": money,
            "latency": latency,
            "lights": [asdict(light) for light in lights(self._service, self._watch)],
            "model": versions and {**self._in_force(viewer), **versions},
            "decisions": decisions,
        }

    async def one(self, viewer: Viewer, decision: str) -> Json:
        """One request with what was kept of its words. Raises RequestRefused (404)."""
        await self._drained()
        engine = self._service.log.engine
        found = await self._kept.get(
            ("decision", decision), 0.0, partial(live.seen, engine, decision)
        )
        if found is None or not viewer.may_see(found.key):
            raise RequestRefused(
                404, "unknown_decision", "There is no decision with that id in the log."
            )
        words = {name: getattr(found, name) for name in _ANSWERS}
        text = _text(found.request, found.api, SHOWN_CHARS)
        return _shown(found, text) | words

    async def curve(self) -> Json:
        """Quality over cost by threshold, and how far probabilities hold."""
        return await self._kept.get("curve", PAGE_CURVE_S, self._curve)

    def forget(self) -> None:
        """A version was exchanged by hand."""
        self._kept.forget()

    async def _drained(self) -> None:
        """Let the rows that wait in the journal come first, if the database takes them at once."""
        flushed = asyncio.ensure_future(self._service.log.flushed())
        await asyncio.wait({flushed}, timeout=PAGE_PATIENCE_S)
        flushed.add_done_callback(_heard)

    def _traffic(self, seconds: float, bars: int) -> Json:
        width = seconds / bars
        until = ceil(time() / width) * width
        found = live.traffic(self._service.log.engine, until - seconds, until, bars)
        return asdict(found)

    def _last(self, key: str | None) -> list[Json]:
        """The last requests; what each asked is read once, as an agent's takes a while to read."""
        engine = self._service.log.engine
        found = live.last_seen(engine, PAGE_DECISIONS, key)
        new = {one.id: one.api for one in found if one.kept and one.id not in self._texts}
        for name, request in live.requests_of(engine, list(new)).items():
            self._texts[name] = _text(request, new[name], PAGE_SNIPPET_CHARS)
        while len(self._texts) > PAGE_TEXTS:
            self._texts.pop(next(iter(self._texts)))
        known = self._texts
        return [_shown(one, known.get(one.id, _NO_TEXT) if one.kept else _NO_TEXT) for one in found]

    def _money(self, key: str | None) -> Json:
        service, now = self._service, time()
        engine, since = service.log.engine, (now // _DAY_S - PAGE_DAYS + 1) * _DAY_S
        sums = savings(engine, since)
        # What was paid and is of no request: the judge's calls, and others beside.
        aside = max(settled_usd(engine, since) - sums.spent_usd, 0.0)
        budgets = standings(engine, service.ledger.caps, key, now)
        return {
            **asdict(sums),
            "days": PAGE_DAYS,
            "aside_usd": aside,
            "saved_usd": sums.saved_usd - aside,
            "budgets": [asdict(one) for one in budgets],
        }

    def _latency(self) -> Json:
        found = latencies(self._service.log.engine)
        return {tier: asdict(found[tier]) if tier in found else None for tier in ("local", "cloud")}

    def _in_force(self, viewer: Viewer) -> Json:
        policy, watch = self._service.policy, self._watch
        router, settings = policy.router, policy.settings
        challenger, clouds = policy.challenger, self._service.dispatcher.planner.cloud_configured
        return {
            "version": router.version,
            "policy": policy.version,
            "local_model": router.local_model,
            "cloud_model": router.cloud_model if clouds else None,
            "operating_point": router.operating_point.words(),
            "cascade": settings.cascade,
            "exploration": settings.exploration,
            "store": settings.store,
            "pinned": settings.version != artifacts.POINTER,
            "may_move": viewer.owner,
            "shadow": None
            if challenger is None
            else {
                "version": challenger.version,
                "seen": watch.shadow.seen if watch else 0,
                "to_cloud": watch.shadow.to_cloud if watch else 0,
                "needed": settings.shadow_requests,
            },
        }

    def _versions(self) -> Json:
        service = self._service
        registry = service.registry
        return {
            "versions": [asdict(one) for one in registry.versions()],
            "previous": registry.previous,
            "promises": promises(service.policy.router),
            "events": [asdict(one) for one in events.recent(service.log.engine, 8)],
        }

    def _curve(self) -> Json:
        service, now = self._service, time()
        engine, router = service.log.engine, service.policy.router
        month = since = now - PAGE_DAYS * _DAY_S
        choices = live.choices(engine, month, PAGE_CHOICES)
        if len(choices) == PAGE_CHOICES:  # a busy gateway's month is longer than what is read
            since = choices[-1].at
        in_force = router.threshold.of(float(np.mean([c.cloud_usd for c in choices] or [0.0])))
        scores = live.scores_of(engine, [one.id for one in choices])
        rated = live.rated_answers(engine, month, PAGE_CHOICES)
        points = curve(choices, scores, in_force)
        sums = savings(engine, since)
        chosen_usd = sum(one.cost_usd for one in choices)
        return {
            "since": since,
            "whole": len(choices) < PAGE_CHOICES,
            "days": PAGE_DAYS,
            "requests": len(choices),
            "rated": len(scores),
            "explored": sum(one.propensity < 1 for one in choices),
            "in_force": in_force,
            "elsewhere_usd": max(sums.spent_usd - chosen_usd, 0.0),
            "points": [asdict(one) for one in points],
            "reliability": {
                tier: [asdict(one) for one in reliability(rated, tier)]
                for tier in ("local", "cloud")
            },
        }


def _heard(flushed: "asyncio.Future[None]") -> None:
    """What the log says of its own failure, its light says too."""
    if not flushed.cancelled():
        flushed.exception()


def _text(request: str | None, api: str, chars: int) -> _Text:
    """The person's words of a kept request, `chars` at most."""
    read = request_of(body_of(request), api)
    text = read.text if read is not None else ""
    return text[:chars], len(text) > chars


def _shown(one: live.Seen, text: _Text) -> Json:
    """A request as the page lists it: its JSON columns read, beside what was asked."""
    out: dict[str, Any] = {k: v for k, v in asdict(one).items() if k not in ("request", *_ANSWERS)}
    steps = [step for step in _listed(one.trail) if isinstance(step, list) and len(step) == 3]
    return out | {
        "private_kinds": _listed(one.private_kinds),
        "checks": _listed(one.checks),
        "trail": [{"rule": rule, "left": left, "words": words} for rule, left, words in steps],
        "text": text[0],
        "cut": text[1],
    }


_ANSWERS = ("answer", "second_answer", "local_answer")


def _listed(kept: str | None) -> list[Any]:
    try:
        found = json.loads(kept) if kept else []
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []
