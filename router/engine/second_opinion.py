"""Looking at a local answer before it is given: the cascade of one request."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from time import perf_counter
from typing import Any

from router.answers.reading import Answer
from router.engine.cascade import answer_of, faults, head_faults, second_body
from router.engine.constants import LOOP_DOUBTS
from router.engine.hold import Hold
from router.engine.opened import Opened, Reply
from router.engine.record import Record
from router.errors import RouterError
from router.wire import Json
from router.wire.summary import Summary


class SecondOpinion:
    """Judges the local answer to one request, with a second local opinion where that pays.

    The second opinion is asked at once, beside the first, where the prompt alone makes it worth
    its price, and afterwards where reading the answer does. `ask(model, body)`: asks for it.
    """

    def __init__(
        self,
        record: Record,
        ask: Callable[[str, Json], Awaitable[Summary]],
    ) -> None:
        self._record, self._ask = record, ask
        self._router = record.policy.router

    @property
    def _second(self) -> bool:
        return self._record.cascade == "second_opinion"

    @property
    def _worth_asking(self) -> bool:
        decision = self._record.decision
        return self._second and decision is not None and decision.act == "look"

    async def at_reply(self, first: Coroutine[Any, Any, Reply]) -> tuple[Reply, bool]:
        """The local answer, which `first` brings, and whether to escalate."""
        if self._worth_asking:
            reply, other = await _both(first, self._opinion())
        else:
            reply, other = await first, None
        return reply, await self._verdict(reply.summary, other)

    async def at_stream(self, opened: Opened, chars_per_s: float) -> bool:
        """Whether to escalate, after reading as far as is needed.

        `chars_per_s`: how fast the local model writes.
        """
        began = perf_counter()
        if self._second or self._record.call.wants_json:
            escalate = await self._at_end(opened)
        else:
            escalate = await self._at_first_words(opened, chars_per_s)
        self._record.waited_s = perf_counter() - began
        return escalate

    async def _at_end(self, opened: Opened) -> bool:
        """Read all of it: for a second opinion, and for JSON."""
        if self._worth_asking:
            _, other = await _both(_whole(opened), self._opinion())
        else:
            await _whole(opened)
            other = None
        return await self._verdict(opened.fold.summary(), other)

    async def _at_first_words(self, opened: Opened, chars_per_s: float) -> bool:
        """Read until it is no refusal, and as far as its beginning is worth waiting for."""
        record, wait_s = self._record, self._record.policy.settings.stream_wait
        hold = Hold(self._router, record.decision, record.models["local"], wait_s * chars_per_s)
        until = asyncio.get_running_loop().time() + wait_s if wait_s else None
        known = opened.fold.summary()
        while not hold.enough(known) and await opened.pull(None if known.calls else until):
            known = opened.fold.summary()
        record.held = hold.held(len(known.text), opened.seconds, opened.over)
        if opened.over:
            return await self._verdict(known, None)
        record.checks, record.after = head_faults(known.text), hold.after
        return bool(record.checks) or (hold.poor and self._doubt())

    async def _verdict(self, answer: Summary, other: Answer | None) -> bool:
        record, decision = self._record, self._record.decision
        record.checks = faults(answer, self._record.call)
        if decision is None or self._router.second is None:
            return bool(record.checks)
        own = answer_of(answer, self._record.models["local"])
        others = [other] if other else []
        record.after = self._router.predict_after(decision, own, others)
        if self._second and other is None and record.after.act == "look" and not record.checks:
            other = await self._opinion()
            if other is not None:
                record.after = self._router.predict_after(decision, own, [other])
        return bool(record.checks) or (record.after.tier == "cloud" and self._doubt())

    def _doubt(self) -> bool:
        """Whether the verifier's doubt is reason enough: in a loop it is only noted at first."""
        record = self._record
        if record.plan.rule != "loop":
            return True
        record.doubted = True
        return record.doubts + 1 >= LOOP_DOUBTS

    async def _opinion(self) -> Answer | None:
        """Another local model's answer; None if it gives none, which decides nothing."""
        record = self._record
        own = record.models["local"]
        name = record.policy.settings.second_model or own
        body = second_body(record.call, same_model=name == own)
        try:
            summary = await self._ask(name, body)
        except RouterError:
            return None
        opinion = answer_of(summary, name)
        record.second_model, record.second_answer = name, opinion.written
        return opinion


def learn_from(record: Record, answer: Summary) -> None:
    """Note what all of a stream shows that was given before its end: too late to change it."""
    found = faults(answer, record.call)
    record.checks += [fault for fault in found if fault not in record.checks]
    router = record.policy.router
    if record.decision is not None and router.second is not None:
        own = answer_of(answer, record.models["local"])
        record.at_end = router.predict_after(record.decision, own)


async def _whole(opened: Opened) -> None:
    while await opened.pull():
        pass


async def _both(
    first: Coroutine[Any, Any, Any], second: Coroutine[Any, Any, Answer | None]
) -> tuple[Any, Answer | None]:
    """Both at once; the second is given up if the first fails."""
    beside = asyncio.ensure_future(second)
    try:
        return await first, await beside
    finally:
        beside.cancel()
