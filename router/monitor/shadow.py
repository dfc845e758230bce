"""What the gateway does beside answering: a challenger in shadow, opinions on private requests."""

import asyncio
import logging
from collections import deque

from router.app import Service
from router.decide.router import Router
from router.engine.cascade import answer_of, second_body
from router.engine.record import Record
from router.errors import place_of
from router.monitor.constants import SHADOW_GROUP, WAITING_REQUESTS
from router.outcomes import queries
from router.registry import gates
from router.text.asks import asks_for
from router.types import Decision, Request

_log = logging.getLogger("router.gateway")


class Shadow:
    """Lets a challenger decide what the champion has decided, until it has seen enough.

    With `shadow_requests` of them, of all gateways on the log, it becomes current, unless it sends
    another share of them to the cloud than its training run promised. `seen`: so far; `to_cloud`:
    of them, for the cloud.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._waiting: deque[tuple[str, Request]] = deque(maxlen=WAITING_REQUESTS)
        self.seen = self.to_cloud = 0
        self._settled = ""  # the version that was dealt with; the policy may still name it a moment

    def watch(self, record: Record) -> None:
        """Take note of a request at its end."""
        if self._service.policy.challenger is not None and record.decision is not None:
            request = record.call.request
            if request is not None:
                self._waiting.append((record.id, request))

    async def work(self) -> None:
        """Decide what waits, store it, and promote the challenger once it has decided enough."""
        policy = self._service.policy
        challenger = policy.challenger
        if challenger is None or challenger.version == self._settled:
            self._waiting.clear()
            return
        group = [self._waiting.popleft() for _ in range(min(SHADOW_GROUP, len(self._waiting)))]
        decided: list[Decision] = []
        if group:
            requests = [request for _, request in group]
            decided = await asyncio.to_thread(challenger.decide_batch, requests)
        mine = [(name, d) for (name, _), d in zip(group, decided, strict=True)]
        keep = queries.decided_in_shadow(challenger.version, mine)
        found = await asyncio.wrap_future(self._service.log.call(keep))
        self.seen, self.to_cloud = found.seen, found.to_cloud
        enough = self.seen >= max(policy.settings.shadow_requests, 1)
        if enough and await self._service.mine():
            await self._settle(challenger, found.to_cloud / self.seen)

    async def _settle(self, challenger: Router, share: float) -> None:
        """Promote the challenger, or drop it."""
        registry, version = self._service.registry, challenger.version
        self._settled = version
        if registry.challenger != version:  # another process was faster
            return
        promised = float(challenger.traffic.get("escalation", share))
        if reasons := gates.in_shadow(share, promised, self.seen):
            words = gates.sentence(version, reasons)
            await asyncio.to_thread(registry.reject, version, words)
        else:
            words = f"{version} is current after deciding {self.seen} requests in shadow."
            await asyncio.to_thread(registry.promote, version, words)


class PrivateOpinions:
    """Second opinions on private requests, asked while their words are still in memory.

    Only with `private_learning = "features"`: agreement and probabilities are stored, no word.
    One at a time; while one is asked, others go without.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._task: asyncio.Task[None] | None = None

    def watch(self, record: Record) -> None:
        """Ask about a private request that was answered."""
        settings = self._service.settings
        busy = self._task is not None and not self._task.done()
        if busy or not record.private or settings.private_learning != "features":
            return
        if record.tier != "local" or record.status != 200 or record.features is None:
            return
        if record.answer is None or not record.answer.text.strip():
            return
        self._task = asyncio.create_task(self._ask(record))

    async def _ask(self, record: Record) -> None:
        service, call = self._service, record.call
        router, request = service.policy.router, call.request
        if request is None or router.second is None or record.answer is None:
            return
        second = service.settings.second_model or record.model
        try:
            answer = answer_of(record.answer, record.model)
            body = second_body(call, same_model=second == record.model)
            said = answer_of(await service.aside.local(call.api, body, second), second)
            if not said.written.strip():
                return
            label = router.second.agreement_label(asks_for(request), answer, [said], request.offer)
            given = queries.opinion_on(
                record.id,
                local_model=record.model,
                model=second,
                answer=None,
                label=label,
                version=router.version,
            )
            await asyncio.wrap_future(service.log.call(given))
        except Exception as error:
            _log.warning(
                "No second opinion on a private request (%s at %s).",
                type(error).__name__,
                place_of(error),
            )
